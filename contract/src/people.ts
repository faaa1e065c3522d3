// Users, roles and tokens as the API shows them.
import { PERMISSION_NAMES, ROLE_NAMES } from "@tequio/core/pool";
import { z } from "zod";
import { Count, EpochMs, Name, PageQuery } from "./primitives.ts";

/** For pages that show what each role may do: the same table that the pool asks. */
export { PERMISSIONS, ROLES } from "@tequio/core/pool";

export const RoleName = z.enum(ROLE_NAMES);
export const PermissionName = z.enum(
  PERMISSION_NAMES as [string, ...string[]],
) as unknown as z.ZodType<(typeof PERMISSION_NAMES)[number]>;

/** Handle of a user: lower case, so that two never differ in case alone. */
export const UserName = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/, {
    message: "use lower-case letters, digits, '.', '_' and '-', and no e-mail or real name",
  });

export const RoleGrantWire = z.strictObject({
  role: RoleName,
  /** The member or project that the role is about, if it is about one. */
  scope: Name.optional(),
});
export const RoleGrantView = RoleGrantWire.extend({
  scope: z.string().optional(),
  /** True when it comes from a group of the identity provider. */
  byGroup: z.boolean(),
});

export const UserView = z.strictObject({
  userId: z.string(),
  name: z.string(),
  origin: z.enum(["local", "oidc"]),
  disabled: z.boolean(),
  createdAtMs: EpochMs,
  roles: z.array(RoleGrantView),
});
export type UserView = z.infer<typeof UserView>;

/** Which users a list shows; each condition that is given must hold. */
export const UsersQuery = PageQuery.extend({
  /** Part of the name. */
  search: z.string().max(63).optional(),
  role: RoleName.optional(),
  /** The member or project that a role is about. */
  scope: Name.optional(),
});

/** Changes a user, or makes a local one. */
export const UserRequest = z.strictObject({
  /** A new name for a user that exists. */
  rename: UserName.optional(),
});
export const UserAction = z.strictObject({
  /** `forget` removes what is known of a disabled user beyond the journal: how it signed in. */
  action: z.enum(["disable", "enable", "forget"]),
  /** What becomes of jobs that wait or run when their user is disabled; absent: what the
   * operator has set with `--on-disabled-user`. */
  jobs: z.enum(["keep", "cancel"]).optional(),
});
export const UserActionView = z.strictObject({
  user: UserView,
  /** Jobs that were cancelled. */
  cancelled: z.array(z.string()),
});

/** Who the caller is, and what it may do. */
export const WhoamiView = z.strictObject({
  /** Absent: the operator of the machine. */
  userId: z.string().optional(),
  name: z.string(),
  roles: z.array(RoleGrantView),
  permissions: z.array(z.strictObject({ permission: z.string(), reach: z.string() })),
  tokenId: z.string(),
  tokenKind: z.enum(["api", "session"]),
  /** What the token was cut down to; absent: nothing. */
  scopes: z.array(z.string()).optional(),
  expiresAtMs: EpochMs.optional(),
  /** What the user should know, e.g. that there is no role for the provider's groups. */
  notice: z.string().optional(),
});
export type WhoamiView = z.infer<typeof WhoamiView>;

export const RoleView = z.strictObject({
  role: z.string(),
  about: z.string(),
  scope: z.enum(["none", "member", "project"]),
  permissions: z.array(z.strictObject({ permission: z.string(), reach: z.string() })),
});
export type RoleView = z.infer<typeof RoleView>;

export const TokenRequest = z.strictObject({
  label: Name,
  expiresInMs: Count.optional(),
  /** What the token may be used for at most; absent: for all that its user may do. */
  scopes: z.array(PermissionName).min(1).max(PERMISSION_NAMES.length).optional(),
  /** Name of the user whose token it is; absent: the caller's own. */
  user: UserName.optional(),
});
export const TokenView = z.strictObject({
  tokenId: z.string(),
  label: z.string(),
  user: z.string(),
  kind: z.enum(["api", "session"]),
  scopes: z.array(z.string()).optional(),
  createdAtMs: EpochMs,
  expiresAtMs: EpochMs.optional(),
  revoked: z.boolean(),
});
export const TokenCreated = TokenView.extend({ token: z.string() });

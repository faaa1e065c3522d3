// Usage that fades: what fair share remembers of projects, users and members. Every account
// halves in one half-life. How projects are compared is the scheduler's business.
import { assert } from "../pool/index.ts";

/** The last two hold what device time counts in fair share, where devices differ. */
export type AccountKind = "project" | "user" | "member" | "projectShare" | "memberShare";

/** Until devices were told apart a share was plain device time: it goes on from there. */
const PLAIN: Partial<Record<AccountKind, AccountKind>> = {
  projectShare: "project",
  memberShare: "member",
};

/** Device-milliseconds, decayed to `asOfMs`. */
interface Account {
  readonly value: number;
  readonly asOfMs: number;
}

/** Plain and serialisable; accounts by `kind:name`. */
export interface UsageAccounts {
  readonly halfLifeMs: number;
  readonly accounts: Record<string, Account>;
}

export interface UsageAddition {
  readonly project: string;
  readonly user: string;
  readonly member: string;
  /** Negative where an estimate is corrected. */
  readonly deviceMs: number;
  /** What it counts in fair share; absent: `deviceMs`. */
  readonly shareMs?: number;
  readonly atMs: number;
}

/** Terms of the series below: at most ln(2)^19/19!, less than the last bit of a double. */
const SERIES_TERMS = 19;

/**
 * 2 to the power of -x for x >= 0, from additions, multiplications and divisions alone. These
 * are the same to the last bit on every machine and engine; `2 ** x` is not promised to be, and
 * a replayed journal must give the same order of jobs. Series of exp(-f ln 2) for the fraction.
 */
function halved(x: number): number {
  const whole = Math.floor(x);
  if (whole > 1_074) return 0; // Below the smallest double.
  const exponent = -(x - whole) * Math.LN2;
  let sum = 1;
  let term = 1;
  for (let n = 1; n <= SERIES_TERMS; n += 1) {
    term = (term * exponent) / n;
    // What follows is smaller still: it would not change the sum either.
    if (sum + term === sum) break;
    sum += term;
  }
  for (let n = 0; n < whole; n += 1) sum /= 2;
  return sum;
}

/** What is left at `toMs` of a value that was true at `fromMs`. Earlier `toMs` is a bug. */
export function decay(value: number, fromMs: number, toMs: number, halfLifeMs: number): number {
  assert(halfLifeMs > 0, "a half-life is positive");
  assert(toMs >= fromMs, "usage decays forward in time");
  return value * halved((toMs - fromMs) / halfLifeMs);
}

/** Accounts with nothing in them. */
export const emptyUsage = (halfLifeMs: number): UsageAccounts => ({ halfLifeMs, accounts: {} });

/**
 * Adds usage to the project, the user and the member. Usage that is reported late is decayed to
 * the account's newest moment first, so the order of reports does not matter. Changes `usage`.
 */
export function addUsage(usage: UsageAccounts, addition: UsageAddition): void {
  addShare(usage, "projectShare", addition.project, addition);
  addShare(usage, "memberShare", addition.member, addition);
  add(usage, accountKey("project", addition.project), addition);
  add(usage, accountKey("user", addition.user), addition);
  add(usage, accountKey("member", addition.member), addition);
}

/** Decayed device-milliseconds of one account at `nowMs`; 0 for one that used nothing. */
export function usageAt(
  usage: UsageAccounts,
  kind: AccountKind,
  name: string,
  nowMs: number,
): number {
  const account = accountOf(usage, kind, name);
  if (account === undefined) return 0;
  // A report may carry a time that is ahead of the caller's clock; it does not grow by waiting.
  const atMs = Math.max(nowMs, account.asOfMs);
  return Math.max(0, decay(account.value, account.asOfMs, atMs, usage.halfLifeMs));
}

/**
 * Adds the usage of children to their ancestors.
 * `parents` holds the parent of every project, null for one at the top.
 */
export function rollUp(
  parents: Readonly<Record<string, string | null>>,
  own: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const total: Record<string, number> = {};
  for (const name of Object.keys(parents)) total[name] ??= 0;
  for (const [name, value] of Object.entries(own)) {
    let at: string | null = name;
    let steps = 0;
    while (at !== null) {
      total[at] = (total[at] ?? 0) + value;
      at = parents[at] ?? null;
      steps += 1;
      assert(steps <= Object.keys(total).length, "the tree of projects has no circle");
    }
  }
  return total;
}

function accountOf(usage: UsageAccounts, kind: AccountKind, name: string): Account | undefined {
  const plain = PLAIN[kind];
  return (
    usage.accounts[accountKey(kind, name)] ??
    (plain === undefined ? undefined : usage.accounts[accountKey(plain, name)])
  );
}

/** An account of shares begins with the first addition that differs from plain device time. */
function addShare(
  usage: UsageAccounts,
  kind: AccountKind,
  name: string,
  addition: UsageAddition,
): void {
  const key = accountKey(kind, name);
  const { shareMs } = addition;
  if (shareMs === undefined && usage.accounts[key] === undefined) return;
  const before = accountOf(usage, kind, name);
  if (before !== undefined) usage.accounts[key] = before;
  add(usage, key, { ...addition, deviceMs: shareMs ?? addition.deviceMs });
}

function add(usage: UsageAccounts, key: string, addition: UsageAddition): void {
  const { deviceMs, atMs } = addition;
  const account = usage.accounts[key] ?? { value: 0, asOfMs: atMs };
  const asOfMs = Math.max(account.asOfMs, atMs);
  const value =
    decay(account.value, account.asOfMs, asOfMs, usage.halfLifeMs) +
    decay(deviceMs, atMs, asOfMs, usage.halfLifeMs);
  usage.accounts[key] = { value, asOfMs };
}

const accountKey = (kind: AccountKind, name: string): string => `${kind}:${name}`;

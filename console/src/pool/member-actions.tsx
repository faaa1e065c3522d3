// Drain, recall and resume a member, or take back its invitation. Each asks first and says what
// it will do to the jobs that run there.
import type { MemberView } from "@tequio/contract";
import { useId, useState } from "react";
import { useAction } from "../api.tsx";
import { useMay } from "../people/who.tsx";
import { TEXTS } from "../texts.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { TextField } from "../ui/text-field.tsx";

type Verb = "drain" | "recall" | "resume" | "revoke-invitation";

const VERBS: Readonly<Record<MemberView["state"], readonly Verb[]>> = {
  invited: ["revoke-invitation"],
  active: ["drain", "recall"],
  draining: ["resume", "recall"],
  recalled: ["resume"],
};

/** The longest time that an owner can grant, as the contract allows. */
const GRACE_SECONDS_MAX = 3_600;

/** The buttons that fit the member's state, for who may use them. */
export function MemberActions(props: { readonly member: MemberView }) {
  const { member } = props;
  const mayChange = useMay("members.change", { member: member.name });
  if (!mayChange) return null;
  return (
    <div className="actions">
      {VERBS[member.state].map((verb) => (
        <MemberAction key={verb} member={member} verb={verb} />
      ))}
    </div>
  );
}

function MemberAction(props: { readonly member: MemberView; readonly verb: Verb }) {
  const { member, verb } = props;
  const action = useAction("changeMember");
  const [grace, setGrace] = useState("");
  const [devices, setDevices] = useState("");
  const graceId = useId();
  const devicesId = useId();
  const texts = TEXTS.memberActions[verb];
  async function act(): Promise<boolean> {
    const graceMs = verb === "recall" && grace !== "" ? Number(grace) * 1_000 : undefined;
    const named = verb === "recall" ? devices.split(/[,\s]+/).filter((name) => name !== "") : [];
    const body = {
      action: verb,
      ...(graceMs === undefined ? {} : { graceMs }),
      ...(named.length === 0 ? {} : { devices: named }),
    };
    return (await action.run({ params: { name: member.name }, body })) !== undefined;
  }
  return (
    <ConfirmButton
      label={texts.label}
      title={texts.title(member.name)}
      explain={texts.explain(member.runningJobs)}
      danger={verb === "recall" || verb === "revoke-invitation"}
      busy={action.busy}
      trouble={action.trouble}
      onOpen={action.clear}
      act={act}
    >
      {verb === "recall" && (
        <>
          <TextField
            id={devicesId}
            label={TEXTS.memberActions.devices}
            note={TEXTS.memberActions.devicesNote}
            value={devices}
            onText={setDevices}
          />
          <TextField
            id={graceId}
            label={TEXTS.memberActions.grace}
            note={TEXTS.memberActions.graceNote}
            type="number"
            min={0}
            max={GRACE_SECONDS_MAX}
            value={grace}
            onText={setGrace}
          />
        </>
      )}
    </ConfirmButton>
  );
}

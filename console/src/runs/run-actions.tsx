// Pause, resume and stop a run. Stopping asks first: it cannot be taken back.
import type { RunView } from "@tequio/contract";
import { useAction } from "../api.tsx";
import { useHolds } from "../people/who.tsx";
import { TEXTS } from "../texts.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { TroubleNote } from "../ui/parts.tsx";

/** The buttons that fit the run's state. */
export function RunActions(props: { readonly run: RunView }) {
  const { run } = props;
  const change = useAction("changeRun");
  const stop = useAction("changeRun");
  const mayChange = useHolds("runs.change");
  if (run.state === "ended" || !mayChange) return null;
  const verb = run.state === "paused" ? "resume" : "pause";
  const act = (action: "pause" | "resume" | "stop") => ({
    params: { id: run.id },
    body: { action },
  });
  return (
    <>
      {run.state !== "queued" && (
        <button type="button" disabled={change.busy} onClick={() => void change.run(act(verb))}>
          {TEXTS.runActions[verb]}
        </button>
      )}
      <ConfirmButton
        label={TEXTS.runActions.stop}
        title={TEXTS.runActions.stopTitle(run.name)}
        explain={TEXTS.runActions.stopExplain}
        danger
        busy={stop.busy}
        trouble={stop.trouble}
        onOpen={stop.clear}
        act={async () => (await stop.run(act("stop"))) !== undefined}
      />
      <TroubleNote trouble={change.trouble} />
    </>
  );
}

// What a link asks for, in words, before anything begins: whose pool it is, what would be trained,
// what it may use. Nothing starts without the person's own yes.
import type { TabInvitation } from "@tequio/contract";
import { useEffect, useState } from "react";
import { poolUrl } from "../api.tsx";
import { CONTRIBUTE_TEXTS as TEXTS } from "../texts/contribute.ts";
import { Marked } from "../ui/parts.tsx";

/** Threads that the engine can use with profit; past that they wait for each other. */
const THREADS_MAX = 16;

const cores = (): number => Math.min(THREADS_MAX, navigator.hardwareConcurrency || 2);

interface Props {
  readonly joinToken: string;
  readonly onStart: (threads: number) => void;
}

/** The question and its answer. */
export function Asking({ joinToken, onStart }: Props) {
  const [agreed, setAgreed] = useState(false);
  const [threads, setThreads] = useState(Math.max(1, Math.floor(cores() / 2)));
  const asked = useInvitation(joinToken);
  const choices = Array.from({ length: cores() }, (_, i) => i + 1);
  if (typeof asked === "string") {
    return (
      <p className="trouble" role="alert">
        {asked}
      </p>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onStart(threads);
      }}
    >
      <p>
        <Marked text={TEXTS.who(asked?.pool, location.host)} />{" "}
        {asked !== undefined && <Marked text={TEXTS.forWhom(asked.member)} />}
      </p>
      {asked !== undefined && <Asked invitation={asked} />}
      <ul className="asked">
        {TEXTS.what.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      <label className="answer">
        {TEXTS.threads}{" "}
        <select value={threads} onChange={(event) => setThreads(Number(event.target.value))}>
          {choices.map((count) => (
            <option key={count} value={count}>
              {TEXTS.threadsOf(count, choices.length)}
            </option>
          ))}
        </select>
      </label>
      <label className="answer">
        <input
          type="checkbox"
          checked={agreed}
          onChange={(event) => setAgreed(event.target.checked)}
        />{" "}
        <span>{TEXTS.consent}</span>
      </label>
      <button type="submit" className="primary" disabled={!agreed}>
        {TEXTS.start}
      </button>
    </form>
  );
}

function Asked({ invitation }: { readonly invitation: TabInvitation }) {
  const { runs, moreRuns, hours, bandwidth } = invitation;
  const limits = [
    ...(hours === undefined ? [] : [TEXTS.hours(hours)]),
    ...bandwidth.map((rule) => TEXTS.bandwidth(rule)),
  ];
  return (
    <>
      <p>{runs.length === 0 ? TEXTS.noRun : TEXTS.runs}</p>
      {runs.length > 0 && (
        <ul className="asked">
          {runs.map(({ name, project, parameters }) => (
            <li key={`${project} ${name}`}>
              <Marked text={TEXTS.oneRun(name, project, parameters)} />
            </li>
          ))}
          {moreRuns > 0 && <li>{TEXTS.moreRuns(moreRuns)}</li>}
        </ul>
      )}
      {limits.length > 0 && <p>{TEXTS.limits(limits)}</p>}
    </>
  );
}

/** What the pool says of the link: undefined until it answered, words when the link is no good. */
function useInvitation(joinToken: string): TabInvitation | string | undefined {
  const [asked, setAsked] = useState<TabInvitation | string>();
  useEffect(() => {
    ask(joinToken).then(setAsked, () => setAsked(undefined));
  }, [joinToken]);
  return asked;
}

async function ask(joinToken: string): Promise<TabInvitation | string> {
  const reply = await fetch(`${poolUrl()}/v1/tabs/invitation`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ joinToken }),
  });
  const said: unknown = await reply.json();
  if (reply.ok) return said as TabInvitation;
  const { message } = said as { readonly message?: string };
  return `${message ?? reply.statusText} ${TEXTS.askAnew}`;
}

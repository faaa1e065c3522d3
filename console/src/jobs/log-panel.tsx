// The log of a task, followed while it grows: each request waits at the pool until there is more.
import type { JobDetail } from "@tequio/contract";
import { useEffect, useRef, useState } from "react";
import { type Trouble, useClient } from "../api.tsx";
import { fromBase64 } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { Empty, Panel, TroubleNote } from "../ui/parts.tsx";
import { type LogText, makeLogText } from "./log-text.ts";
import { newestLease } from "./newest-lease.ts";

/** How long one request waits for new bytes. Below the usual 30 s of proxies. */
const WAIT_MS = 20_000;
const RETRY_MS = 3_000;
const BYTES_PER_REQUEST = 262_144;

interface Source {
  readonly id: string;
  readonly task: number;
  readonly attempt: number | undefined;
  readonly member: string | undefined;
}

interface Followed extends LogText {
  readonly ended: boolean;
  readonly droppedBytes: number;
  readonly trouble?: Trouble;
}

const NOTHING: Followed = { text: "", cut: false, ended: false, droppedBytes: 0 };

function useLog(source: Source): Followed {
  const client = useClient();
  const [log, setLog] = useState(NOTHING);
  const { id, task, attempt, member } = source;
  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    async function follow(): Promise<void> {
      const add = makeLogText();
      let offset = 0;
      for (;;) {
        const query = { task, attempt, member, offset, limit: BYTES_PER_REQUEST, waitMs: WAIT_MS };
        const outcome = await client.call("readLog", { params: { id }, query, signal });
        if (signal.aborted) return;
        if (outcome.ok) {
          const { data, ended, nextOffset, droppedBytes } = outcome.value;
          const text = add(fromBase64(data));
          setLog({ ...text, ended: ended && data === "", droppedBytes });
          if (ended && data === "") return;
          // A pool that does not wait must not be asked in a tight loop.
          if (nextOffset === offset) await new Promise((done) => setTimeout(done, 1_000));
          offset = nextOffset;
        } else {
          const { ok: _, ...trouble } = outcome;
          setLog((before) => ({ ...before, trouble }));
          await new Promise((done) => setTimeout(done, RETRY_MS));
        }
        if (signal.aborted) return;
      }
    }
    setLog(NOTHING);
    void follow();
    return () => abort.abort();
  }, [client, id, task, attempt, member]);
  return log;
}

/** The log panel of a job, with a choice of task and attempt where there is one. */
export function LogPanel(props: { readonly job: JobDetail }) {
  const { job } = props;
  const [task, setTask] = useState(0);
  const [leaseId, setLeaseId] = useState("");
  if (job.leases.length === 0) {
    return (
      <Panel title={TEXTS.log.title}>
        <Empty>{TEXTS.log.before}</Empty>
      </Panel>
    );
  }
  // Named even when it is the newest: an offset belongs to one lease's log, not to the next one's.
  const lease = job.leases.find((one) => one.leaseId === leaseId) ?? newestLease(job);
  return (
    <Panel
      title={TEXTS.log.title}
      actions={
        <>
          {job.leases.length > 1 && (
            <select
              aria-label={TEXTS.log.attempt}
              value={leaseId}
              onChange={(event) => setLeaseId(event.target.value)}
            >
              <option value="">{TEXTS.log.newest}</option>
              {job.leases.map((one) => (
                <option key={one.leaseId} value={one.leaseId}>
                  {TEXTS.log.attemptOf(one.attempt, one.member)}
                </option>
              ))}
            </select>
          )}
          {job.tasks > 1 && (
            <select
              aria-label={TEXTS.log.task}
              value={task}
              onChange={(event) => setTask(Number(event.target.value))}
            >
              {Array.from({ length: job.tasks }, (_, i) => i).map((i) => (
                <option key={i} value={i}>
                  {TEXTS.log.taskOf(i)}
                </option>
              ))}
            </select>
          )}
        </>
      }
    >
      <LogView id={job.id} task={task} attempt={lease?.attempt} member={lease?.member} />
    </Panel>
  );
}

function LogView(props: Source) {
  const log = useLog(props);
  const box = useRef<HTMLElement>(null);
  const [follow, setFollow] = useState(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new text is the reason to scroll.
  useEffect(() => {
    if (follow && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [log.text, follow]);
  return (
    <>
      <TroubleNote trouble={log.trouble} />
      {log.cut && <p className="muted">{TEXTS.log.cut}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: keyboards must be able to scroll it. */}
      <section className="log" ref={box} tabIndex={0} aria-label={TEXTS.log.title}>
        <pre>{log.text === "" ? TEXTS.log.empty : log.text}</pre>
      </section>
      <p className="line">
        <label>
          <input
            type="checkbox"
            checked={follow}
            onChange={(event) => setFollow(event.target.checked)}
          />{" "}
          {TEXTS.log.follow}
        </label>
        <span className="muted">{log.ended ? TEXTS.log.ended : TEXTS.log.open}</span>
        {log.droppedBytes > 0 && <span>{TEXTS.log.dropped(log.droppedBytes)}</span>}
      </p>
    </>
  );
}

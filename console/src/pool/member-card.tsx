// One member of the pool at a glance, with what its owner or the operator can do.
import type { MemberView, SiteView } from "@tequio/contract";
import { bitRates, credits, memory, short, whole } from "../format.ts";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { Badge, Moment, Stat } from "../ui/parts.tsx";
import { MemberActions } from "./member-actions.tsx";
import { memberState } from "./member-state.ts";

/** Measured speed, from GFLOP/s: `812 TFLOP/s`. */
function flops(gigaflops: number): string {
  const text = short(gigaflops * 1e9);
  return text.includes(" ") ? `${text}FLOP/s` : `${text} FLOP/s`;
}

/** The card of a member. */
export function MemberCard(props: { readonly member: MemberView }) {
  const { member } = props;
  const used = member.accelerators - member.acceleratorsFree;
  return (
    <article className="card" aria-label={member.name}>
      <header>
        <h3>
          <a href={href("members", member.name)}>{member.name}</a>
        </h3>
        <Badge state={memberState(member)} />
      </header>
      {member.sites.length === 0 && (
        <p className="muted">
          {TEXTS.pool.invited} <Moment atMs={member.invitedAtMs} />
        </p>
      )}
      {member.sites.map((site) => (
        <SiteLines key={site.siteId} site={site} />
      ))}
      <dl className="stats small">
        <Stat
          name={TEXTS.pool.acceleratorsInUse}
          value={`${whole(used)} / ${whole(member.accelerators)}`}
        />
        <Stat
          name={TEXTS.pool.runningJobs}
          value={
            <a href={href("jobs", undefined, { state: "active", member: member.name })}>
              {whole(member.runningJobs)}
            </a>
          }
        />
        <Stat
          name={TEXTS.pool.earned}
          value={
            <a href={href("statement", undefined, { member: member.name })}>
              {credits(member.earnedMicroCredits)}
            </a>
          }
        />
      </dl>
      <MemberActions member={member} />
    </article>
  );
}

function SiteLines(props: { readonly site: SiteView }) {
  const { site } = props;
  const measured = site.calibration;
  return (
    <div className="site">
      <p className="muted">
        {TEXTS.pool.site(site.engine, site.nodeCount)}
        {site.state !== "here" && site.lastSeenMs !== undefined && (
          <>
            , {TEXTS.pool.lastSeen} <Moment atMs={site.lastSeenMs} />
          </>
        )}
      </p>
      <ul className="devices">
        {site.devices.map((group) => (
          <li key={`${group.vendor} ${group.model} ${group.memoryMiB}`}>
            <b>{group.count} ×</b> {group.vendor} {group.model}
            {group.memoryMiB > 0 && <span className="muted"> {memory(group.memoryMiB)}</span>}
          </li>
        ))}
      </ul>
      {measured === undefined ? (
        <p className="muted">{TEXTS.pool.unmeasured}</p>
      ) : (
        <dl className="stats small">
          <Stat name={TEXTS.pool.speed} value={flops(measured.gemmGflops)} />
          <Stat name={TEXTS.pool.rtt} value={short(measured.link.rttMs)} note=" ms" />
          <Stat
            name={TEXTS.pool.upDown}
            value={bitRates(measured.link.upMbitPerS, measured.link.downMbitPerS)}
          />
        </dl>
      )}
    </div>
  );
}

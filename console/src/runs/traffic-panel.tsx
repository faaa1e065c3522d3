// Bytes up and down of each member as bars on one scale: who carries how much over its link.
import type { RunMemberView } from "@tequio/contract";
import { bytes } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { Empty, Panel } from "../ui/parts.tsx";

/** The bars of traffic. */
export function TrafficPanel(props: { readonly members: readonly RunMemberView[] }) {
  const members = [...props.members].sort((a, b) => (a.member < b.member ? -1 : 1));
  const most = Math.max(1, ...members.flatMap((member) => [member.bytesUp, member.bytesDown]));
  return (
    <Panel title={TEXTS.traffic.title}>
      {members.length === 0 && <Empty>{TEXTS.runMembers.nobody}</Empty>}
      <ul className="bars">
        {members.map((member) => (
          <li key={`${member.member} ${member.siteId}`}>
            <b>{member.member}</b>
            <Bar name={TEXTS.traffic.up} value={member.bytesUp} most={most} tone="up" />
            <Bar name={TEXTS.traffic.down} value={member.bytesDown} most={most} tone="down" />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Bar(props: {
  readonly name: string;
  readonly value: number;
  readonly most: number;
  readonly tone: "up" | "down";
}) {
  // Anything above nothing is seen.
  const width = props.value === 0 ? 0 : `max(2px, ${(props.value / props.most) * 100}%)`;
  return (
    <div className="bar">
      <span>{props.name}</span>
      <div aria-hidden="true">
        <div className={props.tone} style={{ width }} />
      </div>
      <span className="number">{bytes(props.value)}</span>
    </div>
  );
}

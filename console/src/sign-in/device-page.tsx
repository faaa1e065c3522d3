// Lets a program on another machine sign in as the reader: the code that it shows is typed or
// comes with the link, who asks is shown, and only then it is let in.
import type { CallReply } from "@tequio/contract";
import { useEffect, useRef, useState } from "react";
import { useAction } from "../api.tsx";
import { DEVICE_TEXTS } from "../texts/sign-in.ts";
import { Marked, Moment, Panel, TroubleNote } from "../ui/parts.tsx";
import { TextField } from "../ui/text-field.tsx";

type Device = CallReply<"readDevice">;

/** The page behind `#/device` and `#/device/CODE`. */
export function DevicePage(props: { readonly code: string }) {
  const read = useAction("readDevice");
  const [code, setCode] = useState(props.code);
  const [device, setDevice] = useState<Device>();
  const asked = useRef(false);
  const { run } = read;
  useEffect(() => {
    // A code in the address is looked up once; it is not approved by itself.
    if (props.code === "" || asked.current) return;
    asked.current = true;
    void run({ body: { userCode: props.code } }).then(setDevice);
  }, [props.code, run]);
  return (
    <>
      <h1>{DEVICE_TEXTS.title}</h1>
      <p>
        <Marked text={DEVICE_TEXTS.explain} />
      </p>
      {device === undefined ? (
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            void run({ body: { userCode: code.trim() } }).then(setDevice);
          }}
        >
          <TextField
            id="device-code"
            label={DEVICE_TEXTS.code}
            required
            maxLength={200}
            value={code}
            onText={setCode}
          />
          <button type="submit" className="primary" disabled={read.busy || code.trim() === ""}>
            {DEVICE_TEXTS.read}
          </button>
        </form>
      ) : (
        <Approve device={device} />
      )}
      <TroubleNote trouble={read.trouble} />
    </>
  );
}

function Approve(props: { readonly device: Device }) {
  const approve = useAction("approveDevice");
  const [done, setDone] = useState(props.device.approved);
  const { userCode, agent, address, startedAtMs } = props.device;
  async function act(): Promise<void> {
    if ((await approve.run({ body: { userCode } })) !== undefined) setDone(true);
  }
  if (done) return <p role="status">{DEVICE_TEXTS.done}</p>;
  return (
    <Panel title={DEVICE_TEXTS.compare(userCode)}>
      <p>{DEVICE_TEXTS.asks(agent, address)}</p>
      <p className="muted">
        {DEVICE_TEXTS.started} <Moment atMs={startedAtMs} />
      </p>
      <button type="button" className="primary" disabled={approve.busy} onClick={() => void act()}>
        {DEVICE_TEXTS.approve}
      </button>
      <TroubleNote trouble={approve.trouble} />
    </Panel>
  );
}

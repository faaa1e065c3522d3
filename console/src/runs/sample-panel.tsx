// Text from the run's newest model: what it has learned, in its own words.
import type { CallReply } from "@tequio/contract";
import { useState } from "react";
import { useAction } from "../api.tsx";
import { TEXTS } from "../texts.ts";
import { Empty, Field, Panel, TroubleNote } from "../ui/parts.tsx";

/** As the contract allows. */
const PROMPT_CHARS_MAX = 2_000;
const TEXT_BYTES_MAX = 2_000;
const TEMPERATURE_MAX = 2;

/** How long the text gets and how it is drawn, as typed. */
interface Draw {
  readonly bytes: string;
  readonly temperature: string;
  readonly topP: string;
}

type Sample = CallReply<"sampleRun"> & { readonly prompt: string };

/** The sample box. `ready`: there is a model to ask. */
export function SamplePanel(props: { readonly id: string; readonly ready: boolean }) {
  const sample = useAction("sampleRun");
  const [prompt, setPrompt] = useState("The ");
  const [draw, setDraw] = useState<Draw>({ bytes: "300", temperature: "0.8", topP: "1" });
  const [seed, setSeed] = useState(1);
  const [made, setMade] = useState<Sample>();
  async function ask(): Promise<void> {
    const { bytes, temperature, topP } = draw;
    const drawn = { temperature: Number(temperature), topP: Number(topP), seed };
    const body = { prompt, bytes: Number(bytes), ...drawn };
    const view = await sample.run({ params: { id: props.id }, body });
    if (view === undefined) return;
    setMade({ ...view, prompt });
    // The same seed gives the same text: the next question is a new one.
    setSeed(seed + 1);
  }
  return (
    <Panel title={TEXTS.sample.title}>
      {!props.ready && <Empty>{TEXTS.sample.before}</Empty>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        <Field id="sample-prompt" label={TEXTS.sample.prompt} wide>
          <input
            id="sample-prompt"
            maxLength={PROMPT_CHARS_MAX}
            autoComplete="off"
            value={prompt}
            onChange={(event) => setPrompt(event.target.value)}
          />
        </Field>
        <div className="row">
          <DrawFields draw={draw} set={setDraw} />
          <button type="submit" className="primary" disabled={sample.busy || !props.ready}>
            {sample.busy ? TEXTS.sample.busy : TEXTS.sample.send}
          </button>
        </div>
      </form>
      <TroubleNote trouble={sample.trouble} />
      {made !== undefined && (
        <figure aria-live="polite">
          <blockquote>{textOf(made)}</blockquote>
          <figcaption>{TEXTS.sample.round(made.round)}</figcaption>
        </figure>
      )}
    </Panel>
  );
}

/** The prompt and what follows it, whether or not the pool repeats the prompt. */
const textOf = (made: Sample): string =>
  made.text.startsWith(made.prompt) ? made.text : made.prompt + made.text;

function DrawFields(props: { readonly draw: Draw; readonly set: (draw: Draw) => void }) {
  const { draw, set } = props;
  return (
    <>
      <NumberField
        id="sample-bytes"
        label={TEXTS.sample.bytes}
        max={TEXT_BYTES_MAX}
        min={1}
        step={1}
        value={draw.bytes}
        onValue={(bytes) => set({ ...draw, bytes })}
      />
      <NumberField
        id="sample-temperature"
        label={TEXTS.sample.temperature}
        max={TEMPERATURE_MAX}
        min={0}
        step={0.1}
        value={draw.temperature}
        onValue={(temperature) => set({ ...draw, temperature })}
      />
      <NumberField
        id="sample-top-p"
        label={TEXTS.sample.topP}
        max={1}
        min={0}
        step={0.05}
        value={draw.topP}
        onValue={(topP) => set({ ...draw, topP })}
      />
    </>
  );
}

function NumberField(props: {
  readonly id: string;
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: string;
  readonly onValue: (value: string) => void;
}) {
  const { label, onValue, ...rest } = props;
  return (
    <Field id={props.id} label={label} narrow>
      <input {...rest} type="number" required onChange={(event) => onValue(event.target.value)} />
    </Field>
  );
}

// Text to be copied: shown whole, selectable by hand, with a button. The clipboard needs a secure
// page; over plain http to another machine the button selects the text instead.
import { useRef, useState } from "react";
import { TEXTS } from "../texts.ts";

/** A line of text with a copy button. */
export function CopyText(props: { readonly label: string; readonly text: string }) {
  const line = useRef<HTMLElement>(null);
  const [done, setDone] = useState<"copied" | "selected">();
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(props.text);
      setDone("copied");
    } catch {
      if (line.current !== null) getSelection()?.selectAllChildren(line.current);
      setDone("selected");
    }
  }
  return (
    <div className="copy">
      <code ref={line}>{props.text}</code>
      <button type="button" onClick={() => void copy()} aria-label={props.label}>
        {TEXTS.copy}
      </button>
      <span role="status">
        {done === "copied" && TEXTS.copied}
        {done === "selected" && TEXTS.selected}
      </span>
    </div>
  );
}

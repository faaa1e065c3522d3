// Turning pages by cursor: the cursors of the pages before are the way back.
import { TEXTS } from "../texts.ts";

/** Buttons to the newer and the older page; nothing where there is only one. */
export function Pages(props: {
  readonly cursors: readonly string[];
  readonly next: string | undefined;
  readonly onTurn: (cursors: readonly string[]) => void;
}) {
  const { cursors, next, onTurn } = props;
  if (cursors.length === 0 && next === undefined) return null;
  return (
    <nav className="pages" aria-label={TEXTS.pages.label}>
      <button
        type="button"
        disabled={cursors.length === 0}
        onClick={() => onTurn(cursors.slice(0, -1))}
      >
        {TEXTS.pages.newer}
      </button>
      <span>{TEXTS.pages.page(cursors.length + 1)}</span>
      <button
        type="button"
        disabled={next === undefined}
        onClick={() => next !== undefined && onTurn([...cursors, next])}
      >
        {TEXTS.pages.older}
      </button>
    </nav>
  );
}

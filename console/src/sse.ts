// Server-sent events from text that arrives in pieces, after the WHATWG HTML standard, section
// 9.2.6. Pure: reading the connection and starting it again are live.ts's work.

export interface StreamEvent {
  /** Last id seen, also from earlier events. */
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

/** Characters of an unfinished line that are kept. A line beyond this is not one of ours. */
const LINE_CHARS_MAX = 4_194_304;

/** Makes a parser: feed it pieces of text, it gives the events that they complete. */
export function makeEventParser(): (piece: string) => readonly StreamEvent[] {
  let rest = "";
  let id = "";
  let type = "";
  let data: string[] = [];

  function takeLine(line: string): StreamEvent | undefined {
    if (line === "") {
      const event = { id, type: type === "" ? "message" : type, data: data.join("\n") };
      const complete = data.length > 0;
      type = "";
      data = [];
      return complete ? event : undefined;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return undefined; // A comment: the pool sends them to keep the line open.
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "event") type = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    return undefined;
  }

  return (piece) => {
    rest += piece;
    const events: StreamEvent[] = [];
    // A lone CR at the very end may be half of CRLF: it waits for the next piece.
    const end = /\r\n|\n|\r(?!$)/g;
    let from = 0;
    for (let match = end.exec(rest); match !== null; match = end.exec(rest)) {
      const event = takeLine(rest.slice(from, match.index));
      if (event !== undefined) events.push(event);
      from = match.index + match[0].length;
    }
    rest = rest.slice(from);
    if (rest.length > LINE_CHARS_MAX) rest = "";
    return events;
  };
}

// The few shapes that the guide's pictures are drawn with, as SVG text. Colours stand on a white
// sheet, so that a picture reads the same on a dark page; every one of them differs in lightness,
// too. What is drawn, and from which figures, is left to the files beside this one.

export const INK = "#1f2933";
export const PALE = "#9aa5b1";
export const LINE = "#e4e7eb";
/** Blue, orange, green, purple: Okabe and Ito's, which the colour-blind tell apart. */
export const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"] as const;

export interface TextStyle {
  readonly size?: number;
  readonly anchor?: "start" | "middle" | "end";
  readonly fill?: string;
  readonly bold?: boolean;
}

const FONT = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif";

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const at = (value: number): string => String(Math.round(value * 10) / 10);

/** One line of text with its baseline at (x, y). */
export function text(x: number, y: number, words: string, style: TextStyle = {}): string {
  const { size = 12, anchor = "start", fill = INK, bold = false } = style;
  const weight = bold ? ' font-weight="600"' : "";
  const where = `x="${at(x)}" y="${at(y)}" font-size="${size}"`;
  return `<text ${where} text-anchor="${anchor}" fill="${fill}"${weight}>${escaped(words)}</text>`;
}

/** A filled box. */
export function box(x: number, y: number, width: number, height: number, fill: string): string {
  const size = `width="${at(Math.max(0, width))}" height="${at(height)}"`;
  return `<rect x="${at(x)}" y="${at(y)}" ${size} fill="${fill}" rx="2"/>`;
}

/** A filled dot. */
export const dot = (x: number, y: number, fill: string, radius = 5): string =>
  `<circle cx="${at(x)}" cy="${at(y)}" r="${radius}" fill="${fill}"/>`;

/** A straight line. */
export function line(x1: number, y1: number, x2: number, y2: number, stroke = LINE): string {
  const ends = `x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}"`;
  return `<line ${ends} stroke="${stroke}" stroke-width="1"/>`;
}

/** A picture of that size; `title` is read to those who do not see it. */
export function picture(
  width: number,
  height: number,
  title: string,
  shapes: readonly string[],
): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" font-family="${FONT}">`;
  const sheet = `<rect width="${width}" height="${height}" fill="#ffffff"/>`;
  return [head, `<title>${escaped(title)}</title>`, sheet, ...shapes, "</svg>", ""].join("\n");
}

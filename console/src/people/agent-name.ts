// A browser's name of itself as people say it: `Firefox on Linux`. Only for reading; programs that
// name themselves plainly are shown as they are. Pure.

/** In this order: Edge and Opera also call themselves Chrome, and Chrome also Safari. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\//, "Firefox"],
  [/\b(?:Headless)?Chrome\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X|Macintosh/, "macOS"],
  [/CrOS/, "ChromeOS"],
  [/Linux|X11/, "Linux"],
];

const nameIn = (text: string, names: readonly (readonly [RegExp, string])[]) =>
  names.find(([pattern]) => pattern.test(text))?.[1];

/** A short name for a User-Agent header. */
export function agentName(agent: string): string {
  const browser = nameIn(agent, BROWSERS);
  if (browser === undefined) return agent;
  const system = nameIn(agent, SYSTEMS);
  return system === undefined ? browser : `${browser} on ${system}`;
}

// Passwords: which are taken, how they are kept, and whether one is right. Argon2id, as OWASP's
// Password Storage Cheat Sheet has it; the library is loaded when the first one comes.
import { LIMITS, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { newSecret } from "../secrets.ts";

/** OWASP Password Storage Cheat Sheet, Argon2id: m = 19 MiB, t = 2, p = 1. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;

/** So few different characters are a pattern, however many times they come. */
const DIFFERENT_CHARS_MIN = 5;
/** Keyboards and alphabets in a row, which are the first that anybody tries. */
const RUNS = [
  "abcdefghijklmnopqrstuvwxyz",
  "01234567890123456789",
  "qwertyuiopasdfghjklzxcvbnm",
  "qwertzuiopasdfghjklyxcvbnm",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
  "passwordpasswordpassword",
  "correcthorsebatterystaple",
  "letmeinletmeinletmein",
  "iloveyouiloveyouiloveyou",
];
/** Of a word that guessers know, with less than this beside it. */
const BESIDE_CHARS_MIN = 8;

/** Why a new password is not taken; undefined when it is. `known`: words that a guesser tries. */
export function whyWeak(password: string, known: readonly string[]): Refusal | undefined {
  const chars = [...password.normalize("NFC")];
  const weak = (message: string): Refusal =>
    refuse("PASSWORD_WEAK", message, "Take a sentence of some words that belongs to nobody else.");
  if (chars.length < LIMITS.PASSWORD_CHARS_MIN) {
    const least = LIMITS.PASSWORD_CHARS_MIN;
    return weak(`A password has at least ${least} characters; this one has ${chars.length}.`);
  }
  if (new Set(chars).size < DIFFERENT_CHARS_MIN) {
    return weak("The password has too few different characters.");
  }
  const bare = password.toLowerCase().replaceAll(/[\s._!?-]/g, "");
  if (RUNS.some((run) => isRun(bare, run))) return weak("The password follows a pattern.");
  const named = known.find((word) => {
    const rest = bare.replaceAll(word.toLowerCase().replaceAll(/[\s._!?-]/g, ""), "");
    return word.length > 2 && rest.length < bare.length && rest.length < BESIDE_CHARS_MIN;
  });
  if (named !== undefined) return weak(`The password is little more than \`${named}\`.`);
  return undefined;
}

/** True for a text that is a piece of a row, forwards or backwards, from any place and again. */
function isRun(text: string, run: string): boolean {
  const endless = run.repeat(Math.ceil((2 * text.length) / run.length) + 1);
  return endless.includes(text) || [...endless].reverse().join("").includes(text);
}

/** One that nobody has: an unknown user's password is compared with it, to take the same time. */
let nobody: Promise<string> | undefined;

/** So many are computed at one time, and so many more wait. */
let running = 0;
const waiting: (() => void)[] = [];

/** Runs a computation when it is its turn. Refuses TOO_MANY. */
async function inTurn<T>(compute: () => Promise<T>): Promise<Outcome<T>> {
  if (running >= LIMITS.PASSWORD_CHECKS_AT_ONCE) {
    if (waiting.length >= LIMITS.PASSWORD_CHECKS_WAITING_MAX) {
      const hint = "Try again in some seconds.";
      return refuse("TOO_MANY", "Too many people sign in at this moment.", hint);
    }
    await new Promise<void>((turn) => waiting.push(turn));
  } else running += 1;
  try {
    return ok(await compute());
  } finally {
    // The place goes to who waits longest, before anybody else can have it.
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

const loadArgon2 = () => import("@node-rs/argon2");
/** The same text, however a keyboard has composed its letters. */
const bytesOf = (password: string): string => password.normalize("NFC");

async function hashNow(password: string): Promise<string> {
  const { hash } = await loadArgon2();
  const cost = { memoryCost: MEMORY_KIB, timeCost: PASSES, parallelism: LANES };
  return hash(bytesOf(password), cost);
}

/** What is kept of a password, with its own salt and parameters. Refuses TOO_MANY. */
export const hashPassword = (password: string): Promise<Outcome<string>> =>
  inTurn(() => hashNow(password));

/** Whether a password is the one of this hash; undefined: nobody's. Refuses TOO_MANY. */
export async function isRight(
  password: string,
  hash: string | undefined,
): Promise<Outcome<boolean>> {
  return inTurn(async () => {
    nobody ??= hashNow(newSecret());
    const { verify } = await loadArgon2();
    const right = await verify(hash ?? (await nobody), bytesOf(password));
    return right && hash !== undefined;
  });
}

// What is left when a supervisor is killed: a shell that waits for that, and nothing else. It
// reads a pipe whose other end only the supervisor holds. At its end it kills the process groups
// of the last line it got. So a dead supervisor never leaves a task running beyond its right to
// run, even when the agent is dead too. It costs a sleeping process of about 1 MB.
import { type ChildProcess, spawn } from "node:child_process";

// `kill -9 -123` is what dash, bash and busybox all understand; dash takes no `--` here.
const SCRIPT = `
groups=
while read -r line; do groups=$line; done
for group in $groups; do kill -9 "-$group"; done 2>/dev/null
`;

/** Watches over the groups of one lease. */
export interface Guard {
  /** The groups to kill from now on, should the supervisor die. */
  readonly watch: (groups: readonly number[]) => void;
}

/** Starts the guard in a session of its own. */
export function startGuard(env: NodeJS.ProcessEnv): Guard {
  const child: ChildProcess = spawn("/bin/sh", ["-c", SCRIPT], {
    detached: true,
    env,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // A machine without /bin/sh still has the agent, which kills leftovers when it lists leases.
  child.on("error", () => undefined);
  child.stdin?.on("error", () => undefined);
  child.unref();
  return { watch: (groups) => child.stdin?.write(`${groups.join(" ")}\n`) };
}

// What follows from the owner's wish and the machine's means, and what the walls are asked for.
// The walls themselves are tested in isolation.real.ts, where they can be put up.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  findMemoryRoot,
  findProcessRoot,
  limitMemory,
  limitProcesses,
  memoryKills,
  processRefusals,
  taskGroup,
} from "./cgroup.ts";
import { openIsolation } from "./isolation.ts";
import { endInside, type SandboxRecord, sandboxCommand } from "./sandbox.ts";

const folder = mkdtempSync(join(tmpdir(), "tequio-isolation-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `play` on a machine on which no program is found. */
async function withoutPrograms(play: () => Promise<void>): Promise<void> {
  const { PATH } = process.env;
  process.env.PATH = join(folder, "empty");
  try {
    await play();
  } finally {
    process.env.PATH = PATH;
  }
}

describe("a machine without bubblewrap", () => {
  test("refuses leases whose owner demands walls, and says what to do", async () => {
    await withoutPrograms(async () => {
      for (const options of [
        { level: "sandbox" } as const,
        { level: "auto", required: true } as const,
        { level: "none", required: true } as const,
      ]) {
        const decided = await openIsolation(options, folder).forLease();
        assert.ok(!decided.ok);
        assert.equal(decided.code, "ISOLATION_UNAVAILABLE");
        assert.match(decided.hint, /bubblewrap/);
      }
    });
  });

  test("runs others without walls, and says so in the inventory and in the job's log", async () => {
    await withoutPrograms(async () => {
      const isolation = openIsolation({ level: "auto" }, folder);
      const decided = await isolation.forLease();
      assert.ok(decided.ok && decided.value.sandbox === undefined);
      assert.match(decided.value.note ?? "", /isolation: none/);
      assert.deepEqual(await isolation.labels(), {
        ...{ isolation: "none", "memory-limit": "none", "process-limit": "none" },
      });
    });
  });

  test("says nothing in the log when the owner wants no walls", async () => {
    const decided = await openIsolation({ level: "none" }, folder).forLease();
    assert.deepEqual(decided, { ok: true, value: {} });
  });
});

const record: SandboxRecord = {
  bwrap: "/usr/bin/bwrap",
  network: "host",
  readable: ["/srv/programs"],
  hidden: ["/srv/programs/agent"],
};
const task = {
  work: "/srv/programs/agent/engine/leases/a/work",
  command: ["--odd", "x y"],
  memoryMiB: 64,
  devices: false,
  diskMiB: 100,
  memoryGroup: undefined,
  processGroup: undefined,
};

describe("the command within walls", () => {
  test("is the task's own, word for word, at the very end", () => {
    assert.deepEqual(sandboxCommand(record, task).slice(-2), ["--odd", "x y"]);
    assert.ok(sandboxCommand(record, task).includes(String(64 * 1_024)));
  });

  test("hides after it has shown, and opens the work folder after it has hidden", () => {
    const words = sandboxCommand(record, task);
    const shown = words.indexOf("/srv/programs");
    const hidden = words.indexOf("/srv/programs/agent");
    const opened = words.indexOf(task.work);
    assert.ok(0 < shown && shown < hidden && hidden < opened, words.join(" "));
  });

  test("shows no home, no data and of /etc no password", () => {
    const words = sandboxCommand(record, task);
    for (const path of ["/", "/home", "/root", "/etc", "/etc/shadow", "/etc/ssh", "/var", "/run"]) {
      const shownAt = words.findIndex((w, i) => w === "--ro-bind-try" && words[i + 1] === path);
      assert.equal(shownAt, -1, path);
    }
  });

  test("shares the machine's network only when the owner says so", () => {
    assert.ok(!sandboxCommand(record, task).includes("--unshare-net"));
    const without = sandboxCommand({ ...record, network: "none" }, task);
    assert.ok(without.includes("--unshare-net"));
  });

  test("joins its groups before the walls go up, one that is both only once", () => {
    const groups = { memoryGroup: "/memory/a-0", processGroup: "/pids/a-0" };
    const words = sandboxCommand(record, { ...task, ...groups });
    const walls = words.indexOf("/usr/bin/bwrap");
    for (const group of Object.values(groups)) {
      const at = words.indexOf(`${group}/cgroup.procs`);
      assert.ok(at > 0 && at < walls);
    }
    assert.ok(!words.some((word) => word.includes("ulimit -d")));
    const one = sandboxCommand(record, { ...task, memoryGroup: "/g", processGroup: "/g" });
    assert.equal(one.filter((word) => word === "/g/cgroup.procs").length, 1);
  });

  test("a file may be as large as the disk that the task has", () => {
    const words = sandboxCommand(record, task);
    assert.equal(words[words.lastIndexOf("sh") + 1], String(100 * 2_048), "512-byte blocks");
  });

  test("an exit code of 128 and a signal's number is told as that signal", () => {
    assert.deepEqual(endInside(137, null), { exitCode: null, signal: "SIGKILL" });
    assert.deepEqual(endInside(143, null), { exitCode: null, signal: "SIGTERM" });
    assert.deepEqual(endInside(128, null), { exitCode: 128, signal: null });
    assert.deepEqual(endInside(255, null), { exitCode: 255, signal: null });
    assert.deepEqual(endInside(7, null), { exitCode: 7, signal: null });
    assert.deepEqual(endInside(null, "SIGKILL"), { exitCode: null, signal: "SIGKILL" });
  });
});

/** A folder that looks like cgroup v2 with memory for this process in `/unit`. */
function fakeV2(controllers: string): { own: string; mount: string } {
  const mount = mkdtempSync(join(folder, "v2-"));
  mkdirSync(join(mount, "unit"));
  writeFileSync(join(mount, "unit", "cgroup.controllers"), controllers);
  writeFileSync(join(mount, "unit", "cgroup.procs"), "71\n72\n");
  return { own: "0::/unit\n", mount };
}

describe("memory groups", () => {
  test("in v2 the agent moves into a leaf and hands memory down", () => {
    const places = fakeV2("cpu memory pids\n");
    // A plain folder is not emptied by rmdir as a cgroup is, so the trial at the end fails here.
    assert.equal(findMemoryRoot("pool", places), undefined);
    const unit = join(places.mount, "unit");
    assert.equal(readFileSync(join(unit, "agent", "cgroup.procs"), "utf8"), "72");
    assert.equal(readFileSync(join(unit, "cgroup.subtree_control"), "utf8"), "+memory");
    assert.equal(readFileSync(join(unit, "pool", "cgroup.subtree_control"), "utf8"), "+memory");
  });

  test("without the memory controller nothing is moved", () => {
    const places = fakeV2("cpu pids\n");
    assert.equal(findMemoryRoot("pool", places), undefined);
    assert.throws(() => readFileSync(join(places.mount, "unit", "agent", "cgroup.procs")));
  });

  test("a limit holds memory and swap, and kills the group as one", () => {
    const root = { version: 2, path: join(folder, "group2") } as const;
    const group = taskGroup(root, "lease-1", 3);
    limitMemory(root, group, 64);
    const read = (name: string) => readFileSync(join(group, name), "utf8");
    assert.equal(group, join(folder, "group2", "lease-1-3"));
    assert.deepEqual(
      [read("memory.max"), read("memory.swap.max"), read("memory.oom.group")],
      [String(64 * 1_048_576), "0", "1"],
    );
  });

  test("the number of processes is limited below a leaf, and refusals are counted", () => {
    const places = fakeV2("cpu pids\n");
    assert.equal(findProcessRoot("pool", places), undefined);
    const unit = join(places.mount, "unit");
    assert.equal(readFileSync(join(unit, "pool", "cgroup.subtree_control"), "utf8"), "+pids");
    const leaf = { own: "0::/unit/agent\n", mount: places.mount };
    assert.equal(findProcessRoot("other", leaf), undefined);
    assert.equal(readFileSync(join(unit, "other", "cgroup.subtree_control"), "utf8"), "+pids");
    const group = join(folder, "pids-group");
    limitProcesses(group, 40);
    assert.equal(readFileSync(join(group, "pids.max"), "utf8"), "40");
    assert.equal(processRefusals(group), 0);
    writeFileSync(join(group, "pids.events"), "max 17\n");
    assert.equal(processRefusals(group), 17);
  });

  test("kills are counted from the kernel's own words in both dialects", () => {
    const group = join(folder, "counts");
    mkdirSync(group);
    writeFileSync(join(group, "memory.events"), "low 0\noom 4\noom_kill 2\noom_group_kill 1\n");
    writeFileSync(
      join(group, "memory.oom_control"),
      "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
    );
    assert.equal(memoryKills({ version: 2, path: folder }, group), 2);
    assert.equal(memoryKills({ version: 1, path: folder }, group), 5);
    assert.equal(memoryKills({ version: 1, path: folder }, join(folder, "none")), 0);
  });
});

// What tasks see of the agent, of the gang and of the devices.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Device } from "./discovery.ts";
import {
  deviceEnvironment,
  keptEnvironment,
  partEnvironment,
  taskEnvironment,
} from "./environment.ts";

const device = (id: string, vendor: string, visibleAs: string): Device => ({
  accelerator: { id, kind: "gpu", vendor, model: "X", memoryMiB: 1 },
  visibleAs,
});
const DEVICES = [device("gpu0", "NVIDIA", "0"), device("gpu3", "NVIDIA", "3")];
const placement = (acceleratorIds: readonly string[], node = "a", milliCpu = 4_500) => ({
  node,
  acceleratorIds,
  milliCpu,
  memoryMiB: 1,
});

test("leased devices are visible, others of the same maker are hidden", () => {
  const env = deviceEnvironment(placement(["gpu3"]), DEVICES);
  assert.deepEqual(env, { CUDA_VISIBLE_DEVICES: "3", CUDA_DEVICE_ORDER: "PCI_BUS_ID" });
  const both = deviceEnvironment(placement(["gpu3", "gpu0"]), DEVICES);
  assert.equal(both.CUDA_VISIBLE_DEVICES, "0,3");
  assert.equal(deviceEnvironment(placement([]), DEVICES).CUDA_VISIBLE_DEVICES, "");
});

test("a part of a device is told to the task, and to MPS as the threads that it may use", () => {
  const told = (partMilli: number) => partEnvironment({ ...placement(["gpu3"]), partMilli });
  assert.deepEqual(told(500), {
    CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: "50",
    TEQUIO_ACCELERATOR_SHARE: "0.5",
  });
  assert.equal(told(1).CUDA_MPS_ACTIVE_THREAD_PERCENTAGE, "1");
  assert.deepEqual(partEnvironment(placement(["gpu3"])), {});
  const task = { taskIndex: 0, command: ["true"], env: { TEQUIO_ACCELERATOR_SHARE: "1" } };
  const start = { ...task, placement: { ...placement(["gpu3"]), partMilli: 250 } };
  const ids = { leaseId: "l", jobId: "j", attempt: 1, fence: 1 };
  const env = taskEnvironment(
    { ...ids, taskCount: 1, walltimeMs: 1, tasks: [start] },
    start,
    DEVICES,
    {},
  );
  assert.deepEqual([env.CUDA_VISIBLE_DEVICES, env.TEQUIO_ACCELERATOR_SHARE], ["3", "0.25"]);
});

test("each maker has its own variable", () => {
  const devices = [device("gpu0", "AMD", "0"), device("gpu1", "Huawei", "5")];
  const env = deviceEnvironment(placement(["gpu0", "gpu1"]), devices);
  assert.deepEqual(env, { ROCR_VISIBLE_DEVICES: "0", ASCEND_RT_VISIBLE_DEVICES: "5" });
});

test("of the agent's environment only harmless names are kept", () => {
  const agent = { PATH: "/bin", HOME: "/h", TEQUIO_TOKEN: "t", AWS_SECRET_ACCESS_KEY: "k" };
  assert.deepEqual(keptEnvironment(agent), { PATH: "/bin", HOME: "/h" });
});

test("local ranks count within a node, and the lease's own names win over the job's", () => {
  const command = ["true"];
  const env = { RANK: "7", OMP_NUM_THREADS: "2", CUDA_VISIBLE_DEVICES: "0,1,2,3" };
  const tasks = [
    { taskIndex: 4, command, env, placement: placement([], "a") },
    { taskIndex: 5, command, env, placement: placement([], "b") },
    { taskIndex: 6, command, env: {}, placement: placement(["gpu0"], "a") },
  ];
  const ids = { leaseId: "l", jobId: "j", attempt: 2, fence: 9 };
  const lease = { ...ids, taskCount: 8, walltimeMs: 1, tasks };
  const [first, , last] = tasks.map((task) => taskEnvironment(lease, task, DEVICES, {}));
  assert.ok(first !== undefined && last !== undefined);
  assert.deepEqual([first.RANK, first.LOCAL_RANK, first.LOCAL_WORLD_SIZE], ["4", "0", "2"]);
  assert.deepEqual([last.RANK, last.LOCAL_RANK, last.WORLD_SIZE], ["6", "1", "8"]);
  assert.deepEqual([first.OMP_NUM_THREADS, last.OMP_NUM_THREADS], ["2", "4"]);
  assert.deepEqual([first.CUDA_VISIBLE_DEVICES, last.CUDA_VISIBLE_DEVICES], ["", "0"]);
});

test("a task with a part of a core still gets one thread", () => {
  const task = { taskIndex: 0, command: ["true"], env: {}, placement: placement([], "a", 250) };
  const ids = { leaseId: "l", jobId: "j", attempt: 1, fence: 1 };
  const lease = { ...ids, taskCount: 1, walltimeMs: 1, tasks: [task] };
  assert.equal(taskEnvironment(lease, task, [], {}).OMP_NUM_THREADS, "1");
});

// What a site has and what a job wants: nodes, accelerators, links, and requests for them.
// Measured figures are here too; who measures them is the agent's business.

/** `cpu` stands for a machine without a GPU: its lent processor share as one device. */
export type AcceleratorKind = "cpu" | "gpu";

export interface Accelerator {
  /** Unique within its node, e.g. `gpu0` or `cpu0`. */
  readonly id: string;
  readonly kind: AcceleratorKind;
  /** Maker as the catalogue writes it, e.g. `NVIDIA`, `AMD`, `Huawei`, `Intel`. */
  readonly vendor: string;
  /** Product as the catalogue writes it, e.g. `H100 SXM5 80GB`. */
  readonly model: string;
  readonly memoryMiB: number;
}

export interface Node {
  /** Unique within its site; usually the host name. */
  readonly name: string;
  readonly os: string;
  readonly arch: string;
  /** Processor time that is lent, in thousandths of a core. */
  readonly milliCpu: number;
  readonly memoryMiB: number;
  readonly accelerators: readonly Accelerator[];
  readonly labels: Readonly<Record<string, string>>;
}

/** The way between a site and the pool, as the agent measured it. */
export interface Link {
  readonly rttMs: number;
  readonly upMbitPerS: number;
  readonly downMbitPerS: number;
  /** What the owner lets training use of it at this hour; absent: all. */
  readonly upCapMbitPerS?: number;
  readonly downCapMbitPerS?: number;
}

/** What five seconds of measuring told about a site. */
export interface Calibration {
  /** fp32 matrix product, 1e9 operations/s (a multiply-add counts as 2). */
  readonly gemmGflops: number;
  /** Sequential copy in memory, 1e9 bytes/s. */
  readonly memoryGBPerS: number;
  readonly link: Link;
}

/** What one task asks for. Absent fields mean "any". */
export interface Resources {
  readonly accelerators: number;
  /** Thousandths of one GPU that may be shared; `accelerators` is 1 then. Absent: whole ones. */
  readonly partMilli?: number;
  readonly kind?: AcceleratorKind;
  readonly vendor?: string;
  readonly model?: string;
  /** Least memory of each accelerator. */
  readonly acceleratorMemoryMiB?: number;
  readonly milliCpu: number;
  readonly memoryMiB: number;
  /** Processes and threads at a time; absent: TASK_PROCESSES_DEFAULT. Nothing is reserved. */
  readonly processes?: number;
  /** Files in the work folder; absent: LIMITS.TASK_DISK_DEFAULT_MIB. Nothing is reserved. */
  readonly diskMiB?: number;
}

/** Where one task of a gang runs and what it holds there. */
export interface Placement {
  readonly node: string;
  readonly acceleratorIds: readonly string[];
  /** Thousandths that it holds of its one accelerator; absent: it holds all of them alone. */
  readonly partMilli?: number;
  readonly milliCpu: number;
  readonly memoryMiB: number;
}

/** A whole accelerator in the unit of its parts. */
export const WHOLE_MILLI = 1_000;

/** Accelerators that one task asks for; half of one is 0.5. */
export const acceleratorsOf = ({ accelerators, partMilli }: Resources): number =>
  partMilli === undefined ? accelerators : partMilli / WHOLE_MILLI;

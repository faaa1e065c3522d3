// Which nodes compete for the same pods in protocol A. Where those who are bound to one model want
// about all that there is of it, its nodes are a region of their own: others have no business
// there. All other nodes are one region. What is done in a region is left to openb-spread.ts.
import { type KnownRequest, type NodeTable, WHOLE } from "../../scheduler/placement/index.ts";

/** A model is scarce from this part on of what it has, wanted by those who take no other. */
const SCARCE_AT = 0.97;

export interface Region {
  /** 1 for each kind of node that belongs to it. */
  readonly kinds: Uint8Array;
  /** True while less is free than those who waste little will still ask for. */
  tight: boolean;
  /** True once it was. */
  wasTight: boolean;
}

export class Regions {
  /** By kind of node: the number of its model. */
  readonly #models: readonly number[];
  /** By model. */
  readonly #ofModel: readonly Region[];
  /** By model: thousandths of all its accelerators. */
  readonly #wholeMilli: readonly number[];
  readonly #scarce = new Set<number>();
  readonly #rest: Region;
  /** The one model that a request is bound to; undefined: any, or several. */
  readonly #bound = new Map<KnownRequest, number | undefined>();

  constructor({ kinds, kind }: NodeTable) {
    const names = [...new Set(kinds.map(({ model }) => model))];
    this.#models = kinds.map(({ model }) => names.indexOf(model));
    this.#ofModel = names.map((_, model) => region(this.#models.map((of) => of === model)));
    this.#rest = region(kinds.map(() => true));
    const wholeMilli = names.map(() => 0);
    for (const one of kind) wholeMilli[this.#models[one]!]! += kinds[one]!.accelerators * WHOLE;
    this.#wholeMilli = wholeMilli;
  }

  /** The regions as they were divided last. */
  get all(): readonly Region[] {
    return [...[...this.#scarce].map((model) => this.#ofModel[model]!), this.#rest];
  }

  /** The region in which a request looks for its place. */
  of(request: KnownRequest): Region {
    const model = this.#boundTo(request);
    return model === undefined || !this.#scarce.has(model) ? this.#rest : this.#ofModel[model]!;
  }

  /** Finds what is scarce; `wanted`: thousandths that each request takes of the cluster in all. */
  divide(wanted: Iterable<readonly [request: KnownRequest, milli: number]>): void {
    const sums = this.#wholeMilli.map(() => 0);
    for (const [request, milli] of wanted) {
      const model = this.#boundTo(request);
      if (model !== undefined) sums[model]! += milli;
    }
    for (const [model, sum] of sums.entries()) {
      // Where pods were spread already it stays so.
      if (this.#ofModel[model]!.wasTight || sum >= SCARCE_AT * this.#wholeMilli[model]!) {
        this.#scarce.add(model);
      } else this.#scarce.delete(model);
    }
    for (const [kind, model] of this.#models.entries()) {
      this.#rest.kinds[kind] = this.#scarce.has(model) ? 0 : 1;
    }
  }

  #boundTo(request: KnownRequest): number | undefined {
    if (this.#bound.has(request)) return this.#bound.get(request);
    const models = new Set<number>();
    for (const [kind, allowed] of request.models01.entries()) {
      if (allowed === 1) models.add(this.#models[kind]!);
    }
    const [only] = models;
    const bound = models.size === 1 && request.accelerators > 0 ? only : undefined;
    this.#bound.set(request, bound);
    return bound;
  }
}

const region = (belongs: readonly boolean[]): Region => ({
  kinds: Uint8Array.from(belongs, Number),
  ...{ tight: false, wasTight: false },
});

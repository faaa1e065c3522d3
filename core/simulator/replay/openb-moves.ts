// Protocol A with moves: when a pod finds no node, running pods move so that it finds one. Every
// move counts, also those within a node. A pod for which no moves are found is lost as before.
import { Holdings, MoveSearch, tightestPlace } from "../../scheduler/moves/index.ts";
import {
  type KnownRequest,
  type NodeTable,
  type Place,
  type placerOf,
  WHOLE,
} from "../../scheduler/placement/index.ts";
import { CoreExchange } from "./openb-exchange.ts";
import { Spreading } from "./openb-spread.ts";

/** Moves made for one pod, at most: a wide pod clears a node of eight accelerators. */
const MOVES_FOR_ONE_MAX = 16;
/** How far one move may depend on another. Deeper searches gain little on openb. */
const DEPTH = 2;

type Placer = ReturnType<typeof placerOf>;

/** A placer whose pods may move. */
export class MovingPlacer {
  /** Moves so far. */
  moves = 0;
  readonly #placer: Placer;
  readonly #holdings: Holdings;
  readonly #search: MoveSearch;
  readonly #exchange: CoreExchange;
  readonly #spreading: Spreading;
  readonly #nodes: NodeTable;
  /** By request: the moves so far when none were found for it. Only moves change that answer. */
  readonly #hopeless = new Map<number, number>();

  /** `spreads`: pods also move so that wasteful ones find no room (openb-spread.ts). */
  constructor(nodes: NodeTable, placer: Placer, spreads: boolean) {
    this.#placer = placer;
    this.#holdings = new Holdings(nodes, (node) => placer.changed(node));
    this.#nodes = nodes;
    this.#exchange = new CoreExchange(this.#holdings);
    this.#spreading = new Spreading(nodes, this.#holdings, spreads);
    this.#search = new MoveSearch(this.#holdings, this.#spreading.expected);
  }

  /** Whether pods have been spread, so that wasteful ones find no room. */
  get isSpread(): boolean {
    return this.#spreading.active;
  }

  place(request: KnownRequest): Place | undefined {
    const place = this.#find(request) ?? this.#makeRoom(request);
    if (place !== undefined) this.#holdings.add(request, place);
    this.#spreading.arrive(request);
    this.moves += this.#holdings.take().length;
    return place;
  }

  /** Once pods are spread, a shared one goes to where it wastes least. */
  #find(request: KnownRequest): Place | undefined {
    const { active, expected } = this.#spreading;
    if (!active || request.accelerators !== 1 || request.milli === WHOLE) {
      return this.#placer.place(request);
    }
    const place = tightestPlace(this.#nodes, request, undefined, expected);
    if (place !== undefined) this.#placer.take(request, place);
    return place;
  }

  #makeRoom(request: KnownRequest): Place | undefined {
    if (this.#spreading.isUnwanted(request)) return undefined;
    if (this.#hopeless.get(request.id) === this.moves) return undefined;
    const place =
      this.#search.makeRoom(request, { movesMax: MOVES_FOR_ONE_MAX, depth: DEPTH }) ??
      this.#exchange.gather(request);
    if (place === undefined) {
      this.#hopeless.set(request.id, this.moves);
      return undefined;
    }
    this.moves += this.#holdings.take().length;
    this.#placer.take(request, place);
    return place;
  }
}

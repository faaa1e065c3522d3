// Seeded chance lives among the nouns, where the scheduler may use it too.
export { type Chance, chanceOf } from "../pool/chance.ts";

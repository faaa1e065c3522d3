// The local engine keeps the behaviour of every engine.
import { engineConformance } from "../conformance.ts";
import { testPlace } from "./testplace.ts";

engineConformance("local", async () => testPlace());

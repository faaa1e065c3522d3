// Does the node carry the labels that the job asks for?
import { type Checker, listed } from "./checker.ts";

export const label: Checker = {
  check: ({ constraints }, view) => {
    for (const [name, wanted] of Object.entries(constraints.labels).sort()) {
      const have = labelOf(view.node.labels, name);
      if (have === undefined) return { code: "LABEL", text: `no label ${name}=${wanted}` };
      if (have !== wanted) {
        return { code: "LABEL", text: `label ${name} is ${have}, not ${wanted}` };
      }
    }
    return undefined;
  },
  closest: ({ constraints }, views) => {
    const names = Object.keys(constraints.labels);
    const values = views.flatMap(({ node }) =>
      names
        .filter((name) => labelOf(node.labels, name) !== undefined)
        .map((name) => `${name}=${labelOf(node.labels, name)}`),
    );
    return values.length === 0
      ? `No node carries a label ${listed(names)}.`
      : `Labels of the pool: ${listed(values)}.`;
  },
};

const labelOf = (labels: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(labels, name) ? labels[name] : undefined;

import type { Registry } from '#lib/platform';

interface Family {
  readonly head: string[];
  readonly samples: string[];
}

const NAME = /^# (?:HELP|TYPE) (\S+)/;

/**
 * Several registries as one page. Services of one process use the same metric names, told apart by the label `service`; a page may describe each name only
 * once and must keep its samples together.
 */
export async function metricsPage(registries: readonly Registry[]): Promise<string> {
  const families = new Map<string, Family>();
  for (const registry of registries) {
    let family: Family = { head: [], samples: [] };
    let isNew = false;
    let current = '';
    for (const line of (await registry.metrics()).split('\n')) {
      const name = NAME.exec(line)?.[1];
      if (name !== undefined && name !== current) {
        current = name;
        const known = families.get(name);
        isNew = known === undefined;
        family = known ?? { head: [], samples: [] };
        families.set(name, family);
      }
      if (name === undefined) {
        if (line !== '') family.samples.push(line);
      } else if (isNew) family.head.push(line);
    }
  }
  return `${[...families.values()].flatMap(({ head, samples }) => [...head, ...samples]).join('\n')}\n`;
}

import { getPath, setPath } from '#lib/templating';
import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { NodeType, Outcome, Step } from '../node.ts';
import { path } from './config.ts';

const Config = z.looseObject({
  /** A function body; `payload` is its only argument. */
  script: z.string('is required'),
  /** The part of the payload it gets, and replaces; the whole payload when empty. */
  scopePath: path,
});

/** Runs the author's JavaScript in a sandbox. It changes `payload`, or returns what takes its place. */
export const rawFunction: NodeType<z.infer<typeof Config>> = {
  type: 'RawFunctionNode',
  config: Config,
  action:
    ({ script, scopePath }) =>
    (step) =>
      runScript(step, script, scopePath === '' ? '.' : scopePath),
};

async function runScript(step: Step, source: string, scopePath: string): Promise<Outcome> {
  const { run, node, ports, payload, size } = step;
  const { applicationId } = run;
  const outcome = await ports.runScript({ source, payload: getPath(payload, scopePath), applicationId, abandoned: () => step.over });
  for (const { level, text } of outcome.lines) ports.debug({ run, nodeId: node.id, nodeType: node.type, level, message: text });
  if (!outcome.ok) throw new NodeError(outcome.name, outcome.message);
  const changed = setPath(payload, scopePath, outcome.payload);
  size.measure(changed);
  return { payload: changed, output: 0 };
}

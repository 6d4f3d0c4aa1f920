import type { TriggeredEvent, WorkflowState } from '#lib/contracts';
import {
  compileWorkflow,
  createSandbox,
  createValidator,
  mergedGlobals,
  startRun,
  type DebugEntry,
  type Output,
  type OutputReply,
  type RunResult,
} from '../../apps/workflow-runner/src/engine/index.ts';
import { application, integration, triggered } from './runs.ts';

export interface Ran {
  result: RunResult;
  sent: Output[];
  debug: DebugEntry[];
  /** What it waited for, in no time. */
  delays: { id: string; ms: number }[];
}

export interface Given {
  event?: TriggeredEvent;
  state?: ReturnType<typeof application>;
  reply?: (output: Output) => Promise<OutputReply>;
  onDebug?: () => void;
  /** The one integration there is. */
  known?: ReturnType<typeof integration>;
}

/** Runs a workflow with its outputs answered by `reply`. */
export async function ran(flow: WorkflowState, given: Given = {}): Promise<Ran> {
  const { event = triggered(), state = application(), reply = async () => ({ verdict: 'succeeded' }), known = integration() } = given;
  const sandbox = createSandbox();
  const validator = createValidator();
  const sent: Output[] = [];
  const debug: DebugEntry[] = [];
  const delays: { id: string; ms: number }[] = [];
  const ports = {
    send: (output: Output) => {
      sent.push(output);
      return reply(output);
    },
    integration: (applicationId: string, id: string) => (applicationId === known.applicationId && id === known.id ? known : undefined),
    runScript: (script: Parameters<typeof sandbox.run>[0]) => sandbox.run(script),
    validate: (validation: Parameters<typeof validator.validate>[0]) => validator.validate(validation),
    debug: (entry: DebugEntry) => {
      debug.push(entry);
      given.onDebug?.();
    },
    now: () => 1_770_000_000_000,
    record: {
      spent: 0,
      delay: async (id: string, ms: number) => void delays.push({ id, ms }),
    },
  };
  const runnable = { workflow: compileWorkflow(flow), application: state, globals: mergedGlobals(state, flow) };
  const result = await new Promise<RunResult>((resolve) => startRun(event, runnable, ports, resolve));
  await Promise.all([sandbox.close(), validator.close()]);
  return { result, sent, debug, delays };
}

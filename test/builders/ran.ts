import type { TriggeredEvent, WorkflowState } from '#lib/contracts';
import {
  compileWorkflow,
  createSandbox,
  createValidator,
  mergedGlobals,
  startRun,
  type DebugEntry,
  type Kept,
  type KeptChange,
  type Output,
  type OutputReply,
  type RunResult,
} from '../../apps/workflow-runner/src/engine/index.ts';
import { type HttpAnswer, type HttpCall, HttpFailure } from '../../apps/workflow-runner/src/engine/http.ts';
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
  /** What workflows keep, by kind and key: filled by the run. */
  kept?: Map<string, unknown>;
  /** Epoch ms. */
  now?: number;
  reply?: (output: Output) => Promise<OutputReply>;
  /** Answers HTTP requests; without it there is no network. */
  http?: (call: HttpCall) => Promise<HttpAnswer>;
  onDebug?: () => void;
  /** The one integration there is. */
  known?: ReturnType<typeof integration>;
}

/** Runs a workflow with its outputs answered by `reply`. */
export async function ran(flow: WorkflowState, given: Given = {}): Promise<Ran> {
  const { event = triggered(), state = application(), reply = async () => ({ verdict: 'succeeded' }), known = integration() } = given;
  const { kept = new Map<string, unknown>(), now = 1_770_000_000_000 } = given;
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
    http: given.http ?? (() => Promise.reject(new HttpFailure('HttpConnection', 'there is no network'))),
    runScript: (script: Parameters<typeof sandbox.run>[0]) => sandbox.run(script),
    validate: (validation: Parameters<typeof validator.validate>[0]) => validator.validate(validation),
    debug: (entry: DebugEntry) => {
      debug.push(entry);
      given.onDebug?.();
    },
    now: () => now,
    record: {
      spent: 0,
      delay: async (id: string, ms: number) => void delays.push({ id, ms }),
      change: async (_id: string, { kind, key }: Kept, change: KeptChange) => {
        const changed = change(kept.get(`${kind} ${key}`));
        if ('next' in changed) kept.set(`${kind} ${key}`, changed.next);
        return changed.result;
      },
      read: async ({ kind, key }: Kept) => kept.get(`${kind} ${key}`),
      kept: async () => Object.fromEntries([...kept].map(([name, value]) => [name.slice(name.indexOf(' ') + 1), value])),
    },
  };
  const runnable = { workflow: compileWorkflow(flow), application: state, globals: mergedGlobals(state, flow) };
  const result = await new Promise<RunResult>((resolve) => startRun(event, runnable, ports, resolve));
  await Promise.all([sandbox.close(), validator.close()]);
  return { result, sent, debug, delays };
}

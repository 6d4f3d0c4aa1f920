import { createThreads, NoAnswer, workerFile } from '../threads.ts';
import { SCRIPT_CPU_MS, carry, uncarry, type Script, type ScriptAnswer, type ScriptOutcome, type ScriptRequest } from './protocol.ts';

export interface Sandbox {
  /** Never rejects for what the script does. Resolves at the latest some seconds after the script's turn came. */
  run(script: Script): Promise<ScriptOutcome>;
  close(): Promise<void>;
}

/** The interpreter ends a script by itself; this is for a built-in that it can't interrupt, and a machine that is very slow, ms. */
const GIVE_UP_MS = 20_000;
/** The interpreter recurses on this stack: it must outlast the one that scripts get. */
const STACK_MB = 8;

const refused = (name: string, message: string): ScriptOutcome => ({ ok: false, name, message, lines: [] });

/** Runs scripts in threads of their own. `cpuMs`: what one script may use. */
export function createSandbox(cpuMs = SCRIPT_CPU_MS): Sandbox {
  const threads = createThreads<ScriptRequest, ScriptAnswer>({
    file: workerFile(import.meta.url),
    giveUpMs: GIVE_UP_MS,
    resourceLimits: { stackSizeMb: STACK_MB },
  });
  return {
    run: async ({ source, payload, applicationId, abandoned }) => {
      try {
        const answer = await threads.run({ applicationId, abandoned, request: () => ({ source, cpuMs, ...carry(payload) }) });
        return answer.ok ? { ok: true, payload: uncarry(answer), lines: answer.lines } : answer;
      } catch (error) {
        return refusalOf(error);
      }
    },
    close: () => threads.close(),
  };
}

function refusalOf(error: unknown): ScriptOutcome {
  if (!(error instanceof NoAnswer)) return refused('TypeError', error instanceof Error ? error.message : String(error));
  if (error.code === 'abandoned') return refused('Abandoned', error.message);
  if (error.code === 'late') return refused('FunctionTimeout', 'the function took too long');
  return refused('FunctionLimit', `the function ended its thread: ${error.message}`);
}

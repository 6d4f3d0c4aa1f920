import { Worker } from 'node:worker_threads';
import { SCRIPT_CPU_MS, carry, uncarry, type Script, type ScriptAnswer, type ScriptOutcome } from './protocol.ts';

export interface Sandbox {
  /** Never rejects for what the script does. Resolves at the latest some seconds after the script's turn came. */
  run(script: Script): Promise<ScriptOutcome>;
  close(): Promise<void>;
}

/** Enough that one application's endless scripts leave a thread to the others: each takes at most one at a time. */
const THREADS = 2;
/** The interpreter ends a script by itself; this is for a built-in that it can't interrupt, and a machine that is very slow, ms. */
const GIVE_UP_MS = 20_000;

interface Call {
  readonly script: Script;
  readonly settle: (outcome: ScriptOutcome) => void;
}

interface Thread {
  readonly worker: Worker;
  busy?: { readonly call: Call; readonly timer: NodeJS.Timeout };
}

const refused = (name: string, message: string): ScriptOutcome => ({ ok: false, name, message, lines: [] });

/** Runs scripts in worker threads that start when first needed. Applications take turns. `cpuMs`: what one script may use. */
export function createSandbox(cpuMs = SCRIPT_CPU_MS): Sandbox {
  const waiting = new Map<string, Call[]>();
  const threads = new Set<Thread>();
  let closed = false;

  /** The next call in turn, of an application that has no script running. */
  const take = (): Call | undefined => {
    const running = new Set([...threads].map((thread) => thread.busy?.call.script.applicationId));
    for (const [applicationId, calls] of waiting) {
      if (running.has(applicationId)) continue;
      const call = calls.shift();
      waiting.delete(applicationId);
      if (calls.length > 0) waiting.set(applicationId, calls); // to the end of the round
      if (call === undefined) continue;
      if (!call.script.abandoned()) return call;
      call.settle(refused('Abandoned', 'the run has ended'));
      return take();
    }
    return undefined;
  };

  const finish = (thread: Thread, outcome: ScriptOutcome): void => {
    const { busy } = thread;
    if (busy === undefined) return;
    clearTimeout(busy.timer);
    delete thread.busy;
    busy.call.settle(outcome);
  };

  const drop = (thread: Thread, outcome: ScriptOutcome): void => {
    threads.delete(thread);
    finish(thread, outcome);
    void thread.worker.terminate();
    pump();
  };

  const open = (): Thread => {
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    // The interpreter recurses on this stack: it must outlast the one that scripts get.
    const worker = new Worker(new URL(file, import.meta.url), { resourceLimits: { stackSizeMb: 8 }, env: {} });
    worker.unref();
    const thread: Thread = { worker };
    worker.on('message', (answer: ScriptAnswer) => {
      finish(thread, answer.ok ? { ok: true, payload: uncarry(answer), lines: answer.lines } : answer);
      pump();
    });
    worker.on('error', (error) => drop(thread, refused('FunctionLimit', `the function ended its thread: ${error.message}`)));
    threads.add(thread);
    return thread;
  };

  const start = (thread: Thread, call: Call): void => {
    const timer = setTimeout(() => drop(thread, refused('FunctionTimeout', 'the function took too long')), GIVE_UP_MS);
    thread.busy = { call, timer };
    try {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
      thread.worker.postMessage({ source: call.script.source, cpuMs, ...carry(call.script.payload) });
    } catch (error) {
      finish(thread, refused('TypeError', error instanceof Error ? error.message : String(error)));
      pump();
    }
  };

  const pump = (): void => {
    while (!closed && waiting.size > 0) {
      const idle = [...threads].find((thread) => thread.busy === undefined);
      if (idle === undefined && threads.size >= THREADS) return;
      const call = take();
      if (call === undefined) return;
      start(idle ?? open(), call);
    }
  };

  return {
    run: (script) =>
      new Promise((settle) => {
        if (closed) return settle(refused('Abandoned', 'the service is stopping'));
        const calls = waiting.get(script.applicationId);
        if (calls === undefined) waiting.set(script.applicationId, [{ script, settle }]);
        else calls.push({ script, settle });
        pump();
      }),
    close: async () => {
      closed = true;
      const ending = [...threads];
      threads.clear();
      for (const calls of waiting.values()) for (const call of calls) call.settle(refused('Abandoned', 'the service is stopping'));
      waiting.clear();
      for (const thread of ending) finish(thread, refused('Abandoned', 'the service is stopping'));
      await Promise.all(ending.map((thread) => thread.worker.terminate()));
    },
  };
}

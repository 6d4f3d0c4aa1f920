import { Worker, type ResourceLimits } from 'node:worker_threads';

/** One piece of a user's work. */
export interface Job<Request> {
  /** Jobs of one application take turns, so that they can't keep another's waiting. */
  readonly applicationId: string;
  /** Asked before it starts: nobody waits for the result any more. */
  readonly abandoned: () => boolean;
  /** What the thread gets; made when the job's turn has come. */
  readonly request: () => Request;
}

/** Why a job has no answer. abandoned: it was not started. late: it took too long. ended: it ended its thread. */
export class NoAnswer extends Error {
  constructor(
    readonly code: 'abandoned' | 'late' | 'ended',
    message: string,
  ) {
    super(message);
  }
}

export interface Threads<Request, Answer> {
  /** Rejects {@link NoAnswer}, and what `request` throws. */
  run(job: Job<Request>): Promise<Answer>;
  close(): Promise<void>;
}

export interface ThreadOptions {
  /** Posts one answer for each request, in order. */
  readonly file: URL;
  /** A job that takes longer ends with its thread, ms. */
  readonly giveUpMs: number;
  readonly resourceLimits: ResourceLimits;
}

/** Enough that one application's endless jobs leave a thread to the others: each takes at most one at a time. */
const THREADS = 2;

interface Call<Request, Answer> {
  readonly job: Job<Request>;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread<C> {
  readonly worker: Worker;
  busy?: { readonly call: C; readonly timer: NodeJS.Timeout };
}

const stopping = (): NoAnswer => new NoAnswer('abandoned', 'the service is stopping');

/** Does users' work in threads that start when first needed. Applications take turns. */
export function createThreads<Request, Answer>({ file, giveUpMs, resourceLimits }: ThreadOptions): Threads<Request, Answer> {
  type ThisCall = Call<Request, Answer>;
  const waiting = new Map<string, ThisCall[]>();
  const threads = new Set<Thread<ThisCall>>();
  let closed = false;

  /** The next call in turn, of an application that has no job running. */
  const take = (): ThisCall | undefined => {
    const running = new Set([...threads].map((thread) => thread.busy?.call.job.applicationId));
    for (const [applicationId, calls] of waiting) {
      if (running.has(applicationId)) continue;
      const call = calls.shift();
      waiting.delete(applicationId);
      if (calls.length > 0) waiting.set(applicationId, calls); // to the end of the round
      if (call === undefined) continue;
      if (!call.job.abandoned()) return call;
      call.reject(new NoAnswer('abandoned', 'the run has ended'));
      return take();
    }
    return undefined;
  };

  const finish = (thread: Thread<ThisCall>, settle: (call: ThisCall) => void): void => {
    const { busy } = thread;
    if (busy === undefined) return;
    clearTimeout(busy.timer);
    delete thread.busy;
    settle(busy.call);
  };

  const drop = (thread: Thread<ThisCall>, error: NoAnswer): void => {
    threads.delete(thread);
    finish(thread, (call) => call.reject(error));
    void thread.worker.terminate();
    pump();
  };

  const open = (): Thread<ThisCall> => {
    const worker = new Worker(file, { resourceLimits, env: {} });
    worker.unref();
    const thread: Thread<ThisCall> = { worker };
    worker.on('message', (answer: Answer) => {
      finish(thread, (call) => call.resolve(answer));
      pump();
    });
    worker.on('error', (error) => drop(thread, new NoAnswer('ended', error.message)));
    threads.add(thread);
    return thread;
  };

  const start = (thread: Thread<ThisCall>, call: ThisCall): void => {
    const timer = setTimeout(() => drop(thread, new NoAnswer('late', 'it took too long')), giveUpMs);
    thread.busy = { call, timer };
    try {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
      thread.worker.postMessage(call.job.request());
    } catch (error) {
      finish(thread, () => call.reject(error));
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
    run: (job) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(stopping());
        const call: ThisCall = { job, resolve, reject };
        const calls = waiting.get(job.applicationId);
        if (calls === undefined) waiting.set(job.applicationId, [call]);
        else calls.push(call);
        pump();
      }),
    close: async () => {
      closed = true;
      const ending = [...threads];
      threads.clear();
      for (const calls of waiting.values()) for (const call of calls) call.reject(stopping());
      waiting.clear();
      for (const thread of ending) finish(thread, (call) => call.reject(stopping()));
      await Promise.all(ending.map((thread) => thread.worker.terminate()));
    },
  };
}

/** A worker's file beside the one that starts it, built or not. */
export const workerFile = (here: string): URL => new URL(here.endsWith('.ts') ? './worker.ts' : './worker.js', here);

import { parentPort } from 'node:worker_threads';
import { evaluate, loadInterpreter } from './evaluate.ts';
import type { ScriptAnswer, ScriptRequest } from './protocol.ts';

/** A thread that runs users' scripts, one at a time, so that none of them can hold up the service. */
const port = parentPort;
if (port === null) throw new Error('this file runs as a worker thread');

const usedMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

const interpreter = await loadInterpreter();
port.on('message', (request: ScriptRequest) => {
  const answer: ScriptAnswer = evaluate(interpreter, request, usedMs);
  port.postMessage(answer);
});

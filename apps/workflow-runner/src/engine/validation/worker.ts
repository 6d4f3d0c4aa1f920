import { parentPort } from 'node:worker_threads';
import type { ValidationRequest } from './protocol.ts';
import { Schemas } from './schemas.ts';

/** A thread that validates by users' schemas: a pattern in one may take for ever. */
const port = parentPort;
if (port === null) throw new Error('this file runs as a worker thread');

const schemas = new Schemas();
port.on('message', (request: ValidationRequest) => port.postMessage(schemas.validate(request)));

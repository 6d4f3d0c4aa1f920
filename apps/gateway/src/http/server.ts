import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { OPERATIONS } from '#lib/contracts';
import type { Logger, Metrics } from '#lib/platform';
import { problem } from '../api/problem.ts';
import { allowedMethods } from './routes.ts';
import { frameworkProblem, sendProblem } from './problem-filter.ts';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A request must have arrived whole within this, ms; answers may take longer. */
const ARRIVE_WITHIN_MS = 30_000;

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};

const operationIds = new Map<string, string>(OPERATIONS.map(({ id, method, path }) => [`${method} ${path}`, id]));

/** Fastify as we run it under Nest: bodies are left alone (they are read once the caller is admitted), every refusal has the API's shape. */
export function createHttpAdapter(log: Logger, metrics: Metrics): FastifyAdapter {
  const adapter = new FastifyAdapter({
    logger: false,
    genReqId: () => randomUUID(),
    requestTimeout: ARRIVE_WITHIN_MS,
    // Requests that come while we stop are still answered, and their connection closed.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 128 },
    frameworkErrors: (error: unknown, _request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(reply, frameworkProblem(error) ?? problem('Validation', 'The request is not valid HTTP')),
    clientErrorHandler: refuseSocket,
  });
  const server = adapter.getInstance<FastifyInstance>();
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  server.addHook('onRequest', (request, reply, done) => {
    void reply.headers({ ...HEADERS, 'x-request-id': request.id });
    if (request.method === 'OPTIONS' && describe(request, reply)) return;
    done();
  });
  closeAfterAnswers(server);
  observe(server, log, metrics);
  return adapter;
}

/** While the server closes, each connection ends with the answer it waits for: kept alive, it would hold up the close. */
function closeAfterAnswers(server: FastifyInstance): void {
  let closing = false;
  server.addHook('preClose', async () => {
    closing = true;
  });
  server.addHook('onSend', async (_request, reply) => {
    if (closing) void reply.header('connection', 'close');
  });
}

/** Answers OPTIONS of a path that exists. */
function describe(request: FastifyRequest, reply: FastifyReply): boolean {
  const methods = allowedMethods(request.url.split('?', 1)[0] ?? '');
  if (methods.length === 0) return false;
  void reply.code(204).header('allow', methods.join(', ')).send();
  return true;
}

/** One line and one observation for each request: what was called and how it ended; never a header, a query or a body. */
function observe(server: FastifyInstance, log: Logger, metrics: Metrics): void {
  const seconds = metrics.histogram('sluice_http_request_seconds', 'Time to answer an HTTP request', SECONDS, ['operation', 'status']);
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url;
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const operation = route === undefined ? 'none' : (operationIds.get(`${method} ${route}`) ?? 'system');
    const isStream = String(reply.raw.getHeader('content-type')).startsWith('text/event-stream');
    if (!isStream) seconds.observe({ operation, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    log.info({ requestId: request.id, operation, method: request.method, status: reply.statusCode, ms }, 'request');
    done();
  });
}

/** What isn't HTTP at all gets no further than this. */
function refuseSocket(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const body = JSON.stringify({ type: 'Validation', message: 'The request is not valid HTTP' });
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

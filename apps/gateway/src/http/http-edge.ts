import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Operation, RawQuery } from '#lib/contracts';
import type { Viewers } from '../activity/viewers.ts';
import type { Api } from '../api/api.ts';
import { problem } from '../api/problem.ts';
import { readJsonBody } from './body.ts';
import { streamActivity } from './event-stream.ts';

/** HTTP to the API and back: the only place that knows both. */
export class HttpEdge {
  constructor(
    private readonly api: Api,
    private readonly viewers: Viewers,
  ) {}

  async serve(operation: Operation, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const call = await this.api.enter(operation, bearerOf(request), request.params as Record<string, string>);
    const query = this.api.query(operation, request.query as RawQuery);
    if (operation.stream === true) {
      this.api.requireApplication(call);
      return streamActivity(this.viewers, call, query, request, reply);
    }
    const body = request.method === 'GET' || request.method === 'HEAD' ? undefined : await readJsonBody(request.raw);
    if (operation.body !== undefined && operation.bodyOptional !== true && body === undefined)
      throw problem('Validation', 'The body is required');
    const key = request.headers['idempotency-key'];
    const idempotencyKey = typeof key === 'string' ? { idempotencyKey: key } : {};
    const result = await this.api.perform(call, { query, body, ...idempotencyKey });
    await reply.code(operation.status).send(result);
  }
}

/** The token of `Authorization: Bearer …`; the scheme in any case. */
function bearerOf(request: FastifyRequest): string | undefined {
  return /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
}

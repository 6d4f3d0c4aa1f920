import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '#lib/platform';
import { ApiProblem, problem } from '../api/problem.ts';
import { leavesMuchUnread } from './body.ts';

/** Every error as the API's own shape. What nobody foresaw is logged and answered as 503 with the request's id; its text stays inside. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(http.getResponse<FastifyReply>(), this.#problemOf(error, http.getRequest<FastifyRequest>()));
  }

  #problemOf(error: unknown, request: FastifyRequest): ApiProblem {
    if (error instanceof ApiProblem) return error;
    const known = frameworkProblem(error);
    if (known !== undefined) return known;
    if (request.raw.destroyed) return problem('Validation', 'The request was not sent whole');
    this.log.error({ requestId: request.id, err: error }, 'a request failed');
    return problem('Unavailable', `Something failed here; it is in the log as request ${request.id}`);
  }
}

/** What Nest and Fastify refuse themselves, in our words: theirs may quote the request. */
export function frameworkProblem(error: unknown): ApiProblem | undefined {
  const status = error instanceof HttpException ? error.getStatus() : ((error as { statusCode?: unknown } | null)?.statusCode ?? 500);
  switch (status) {
    case 404:
    case 414:
      return problem('NotFound', 'There is no such call');
    case 413:
      return problem('TooLarge', 'The request is too large');
    case 415:
      return problem('UnsupportedMediaType', 'The body must be JSON, sent with Content-Type: application/json');
    case 400:
      return problem('Validation', 'The request is not valid HTTP');
    default:
      return undefined;
  }
}

export function sendProblem(reply: FastifyReply, refused: ApiProblem): void {
  if (reply.sent || reply.raw.headersSent) return;
  const { type } = refused.error;
  if (type === 'Unauthorized') void reply.header('www-authenticate', 'Bearer');
  if (type === 'Unavailable' || type === 'TooManyRequests') void reply.header('retry-after', '1');
  if (leavesMuchUnread(reply.request.raw)) void reply.header('connection', 'close');
  void reply.code(refused.status).send(refused.error);
}

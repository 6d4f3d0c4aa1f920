import { ActivityParams } from '#lib/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Viewers } from '../activity/viewers.ts';
import type { Admitted } from '../api/admit.ts';
import { problem } from '../api/problem.ts';

/** A viewer that doesn't read what waits for it is let go after this, ms: it would keep its connection for ever. */
const LEAVE_WITHIN_MS = 2_000;

/** Answers with server-sent events until the viewer leaves, reads too slowly, its token ends, or the gateway does. */
export function streamActivity(
  viewers: Viewers,
  { caller, applicationId }: Admitted,
  query: Readonly<Record<string, unknown>>,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { kind, id } = ActivityParams.parse(query);
  void reply.headers({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no', connection: 'close' });
  if (request.method === 'HEAD') {
    void reply.send('');
    return;
  }
  const { raw } = reply;
  const sink = {
    write: (text: string): number => {
      if (!raw.headersSent) {
        raw.writeHead(200, reply.getHeaders() as Record<string, string>);
        reply.hijack();
      }
      raw.write(text);
      return raw.writableLength;
    },
    end: (): void => {
      raw.end();
      setTimeout(() => raw.destroy(), LEAVE_WITHIN_MS).unref();
    },
  };
  const filter = { applicationId, ...(kind === undefined ? {} : { kind }), ...(id === undefined ? {} : { id }) };
  const remove = viewers.add(caller, filter, sink);
  if (remove === undefined) throw problem('Unavailable', 'Too many are watching now; try again later');
  raw.on('close', remove);
  raw.on('error', remove);
}

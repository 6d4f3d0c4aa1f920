import { type ControlRequest, ControlReply, controlSubject, IntegrationType } from '#lib/contracts';
import { type Bus, BusError } from '#lib/messaging';
import { z } from 'zod';
import type { EdgeHandler } from '../api/api.ts';
import type { ConfigClient } from '../api/config-client.ts';
import { problem } from '../api/problem.ts';

const ANSWER_WITHIN_MS = 5_000;
const Typed = z.object({ integrationType: IntegrationType });

/** Asks the connector that owns the integration to connect now, whatever its back-off says. */
export function retryHandler(bus: Pick<Bus, 'request'>, config: Pick<ConfigClient, 'query'>): EdgeHandler {
  return async ({ applicationId, id = '' }) => {
    const { integrationType } = Typed.parse(await config.query('query.integration.get', { applicationId, id, params: {} }));
    const request: ControlRequest = { action: 'retry' };
    const reply = await ask(bus, controlSubject(integrationType, applicationId, id), request);
    if (!reply.ok) throw problem('Conflict', reply.reason ?? 'The connector refused to try again');
    return { success: true };
  };
}

async function ask(bus: Pick<Bus, 'request'>, subject: string, request: ControlRequest): Promise<ControlReply> {
  try {
    const body = await bus.request(subject, Buffer.from(JSON.stringify(request)), ANSWER_WITHIN_MS);
    return ControlReply.parse(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    throw problem('Unavailable', 'No connector holds this integration now; try again', { cause: error });
  }
}

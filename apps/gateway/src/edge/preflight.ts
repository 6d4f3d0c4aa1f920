import { allows, type CheckLine, CheckReply, type CheckRequest, checkSubject, IntegrationState } from '#lib/contracts';
import { type Bus, BusError } from '#lib/messaging';
import type { EdgeHandler } from '../api/api.ts';
import type { ConfigClient } from '../api/config-client.ts';
import { problem } from '../api/problem.ts';

const DRAFT = 'command.integration.draft';
/** A test ends within this, with what it knows then, ms: in-flight requests get little more when the gateway stops. */
const WHOLE_MS = 11_000;
/** A connector's answer gets this long to come back, ms. */
const BACK_MS = 500;

/**
 * Tries a configuration where connections are made from. `config` judges it and seals its secrets, as for one that is stored; any connector of its type
 * tries it.
 */
export function testHandler(bus: Pick<Bus, 'request'>, config: Pick<ConfigClient, 'command'>, now: () => number): EdgeHandler {
  return async ({ applicationId, id, caller, instance }, { body }) => {
    const until = now() + WHOLE_MS;
    // Else a stored secret could be sent to an address of the caller's choice.
    if (id !== undefined && body !== undefined && !allows(caller.scopes, 'integration.patch'))
      throw problem('Forbidden', "The token's scopes don't include integration.patch, which a test of changes needs");
    const { result } = await config.command(DRAFT, {
      applicationId,
      ...(id === undefined ? {} : { id }),
      actor: { type: 'apiToken', id: caller.tokenId },
      instance,
      scopes: [...caller.scopes],
      params: {},
      input: body ?? null,
    });
    const lines = await check(bus, IntegrationState.parse(result), Math.max(1, until - now()));
    return { ok: lines.every(({ ok }) => ok), steps: lines };
  };
}

async function check(bus: Pick<Bus, 'request'>, state: IntegrationState, leftMs: number): Promise<readonly CheckLine[]> {
  const request: CheckRequest = { state, withinMs: leftMs };
  let reply: CheckReply;
  try {
    const body = await bus.request(checkSubject(state.integrationType), Buffer.from(JSON.stringify(request)), leftMs + BACK_MS);
    reply = CheckReply.parse(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    throw problem('Unavailable', `No connector of the type ${state.integrationType} answers now; try again`, { cause: error });
  }
  if ('busy' in reply) throw problem('TooManyRequests', 'Too many tests run at once; try again');
  return reply.lines;
}

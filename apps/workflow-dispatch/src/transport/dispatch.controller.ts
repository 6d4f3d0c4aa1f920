import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, Transport } from '@nestjs/microservices';
import {
  type ApiError,
  Command,
  commandSubject,
  issuesToApiError,
  parseQuery,
  PayloadCountsParams,
  Query,
  querySubject,
  type Reply,
} from '#lib/contracts';
import { BusError } from '#lib/messaging';
import { applicationLedger, integrationLedger, RunsUnknownError } from '../ledger.ts';
import { readPayloadCounts } from '../persistence/ledger-reader.ts';
import { press } from '../press.ts';
import { DispatchContext } from './context.ts';

const refused = (error: ApiError): Reply => ({ ok: false, error });
const notFound = (what: string): Reply => refused({ type: 'NotFound', message: `There is no such ${what}.` });

/** Commands and queries that dispatch answers: the press of a button, and where messages went. */
@Controller()
export class DispatchController {
  constructor(private readonly context: DispatchContext) {}

  @MessagePattern(commandSubject('workflow', 'press'), Transport.NATS)
  press(@Payload() envelope: unknown): Promise<Reply> {
    return this.answer(async () => {
      const command = Command.safeParse(envelope);
      if (!command.success) return refused(issuesToApiError(command.error));
      const error = await press(this.context, command.data, Date.now());
      return error === undefined ? { ok: true, result: { success: true } } : refused(error);
    });
  }

  @MessagePattern(querySubject('ledger', 'integration'), Transport.NATS)
  integrationLedger(@Payload() envelope: unknown): Promise<Reply> {
    return this.query(envelope, async ({ applicationId, id = '' }) => {
      if (this.context.catalog.integration(applicationId, id) === undefined) return notFound('integration');
      return { ok: true, result: await integrationLedger(this.context, applicationId, id) };
    });
  }

  @MessagePattern(querySubject('ledger', 'application'), Transport.NATS)
  applicationLedger(@Payload() envelope: unknown): Promise<Reply> {
    return this.query(envelope, async ({ applicationId }) => {
      if (this.context.catalog.limits(applicationId) === undefined) return notFound('application');
      return { ok: true, result: await applicationLedger(this.context, applicationId) };
    });
  }

  @MessagePattern(querySubject('payloads', 'counts'), Transport.NATS)
  payloadCounts(@Payload() envelope: unknown): Promise<Reply> {
    return this.query(envelope, async ({ applicationId, params }) => {
      if (this.context.catalog.limits(applicationId) === undefined) return notFound('application');
      const range = parseQuery(PayloadCountsParams, params);
      if (!range.success) return refused(issuesToApiError(range.error));
      const now = new Date();
      const { start = Date.UTC(now.getUTCFullYear(), now.getUTCMonth()), end = now.getTime() } = range.data;
      return { ok: true, result: { integration: await readPayloadCounts(this.context.database, applicationId, start, end) } };
    });
  }

  private query(envelope: unknown, handle: (query: Query) => Promise<Reply>): Promise<Reply> {
    const query = Query.safeParse(envelope);
    return query.success ? this.answer(() => handle(query.data)) : Promise.resolve(refused(issuesToApiError(query.error)));
  }

  private async answer(handle: () => Promise<Reply>): Promise<Reply> {
    try {
      return await handle();
    } catch (error) {
      if (error instanceof BusError && error.code === 'tooLarge')
        return refused({ type: 'TooLarge', message: 'That is more than a message can carry (8 MB).' });
      if (!(error instanceof RunsUnknownError)) this.context.log.error({ err: error }, 'a command or query failed');
      return refused({
        type: 'Unavailable',
        message: error instanceof RunsUnknownError ? error.message : 'That can not be answered just now: try again.',
      });
    }
  }
}

import { Command, issuesToApiError, Query, type Reply } from '#lib/contracts';
import type { ConfigContext } from '../handlers/context.ts';
import { replyOf } from '../handlers/failure.ts';

/** Runs a handler on an envelope from the bus; whatever it throws becomes a reply. */
export class Answering {
  constructor(private readonly context: ConfigContext) {}

  async command(
    subject: string,
    envelope: unknown,
    handle: (context: ConfigContext, subject: string, command: Command) => Promise<Reply>,
  ): Promise<Reply> {
    const parsed = Command.safeParse(envelope);
    if (!parsed.success) return { ok: false, error: issuesToApiError(parsed.error) };
    try {
      return await handle(this.context, subject, parsed.data);
    } catch (error) {
      return replyOf(error, this.context.log, subject);
    }
  }

  async query(subject: string, envelope: unknown, handle: (context: ConfigContext, query: Query) => Promise<Reply>): Promise<Reply> {
    const parsed = Query.safeParse(envelope);
    if (!parsed.success) return { ok: false, error: issuesToApiError(parsed.error) };
    try {
      return await handle(this.context, parsed.data);
    } catch (error) {
      return replyOf(error, this.context.log, subject);
    }
  }
}

/** Answers requests of a subject or, with `.>` at its end, of all below it. */
export type Handler = (subject: string, body: Uint8Array) => Promise<Uint8Array>;

interface Responder {
  readonly handler: Handler;
  /** Its own connection is still there: else it would not be heard over the bus either. */
  readonly listening: () => boolean;
}

/** By the servers they are connected to: who answers what in this very process. */
const responders = new Map<string, Map<string, Responder>>();

/**
 * Remembers a responder of this process: several services may share one, as in standalone. A request that one of them can answer goes to it directly, which
 * saves four messages through the server. Only where both are connected to the same servers: then whoever asks over the bus could get this answer too.
 * Returns how to forget it.
 */
export function announce(servers: string, subject: string, responder: Responder): () => void {
  const known = responders.get(servers) ?? new Map<string, Responder>();
  responders.set(servers, known);
  known.set(subject, responder);
  return () => {
    if (known.get(subject) === responder) known.delete(subject);
  };
}

/** What answers a subject in this process, if anything does. */
export function nearby(servers: string, subject: string): Handler | undefined {
  const known = responders.get(servers);
  if (known === undefined || known.size === 0) return undefined;
  let found = known.get(subject);
  for (let dot = subject.lastIndexOf('.'); dot > 0 && found === undefined; dot = subject.lastIndexOf('.', dot - 1))
    found = known.get(`${subject.slice(0, dot)}.>`);
  return found?.listening() === true ? found.handler : undefined;
}

import { BusError } from './types.ts';

/** A failure of JetStream's management calls as ours. */
export function asBusError(error: unknown, doing: string): BusError {
  if (error instanceof BusError) return error;
  const reason = error instanceof Error ? error.message : 'unknown reason';
  return new BusError('unavailable', `${doing}: ${reason}`, { cause: error });
}

/** Runs a management call; rejects BusError. */
export async function managed<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asBusError(error, doing);
  }
}

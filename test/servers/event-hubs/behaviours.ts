/** What a client does and the server can be told to answer otherwise: `hub`, `partition` are READs of $management, `receiver`, `sender` links that are attached. */
export type Operation = 'put-token' | 'hub' | 'partition' | 'receiver' | 'sender' | 'send';

/** answer: as the service does. refuse: by an AMQP condition, as amqp:unauthorized-access. hang: never answered. delay: answered late. */
export type Behaviour =
  | { readonly kind: 'answer' }
  | { readonly kind: 'refuse'; readonly condition: string; readonly description?: string }
  | { readonly kind: 'hang' }
  | { readonly kind: 'delay'; readonly ms: number };

export interface Refusal {
  readonly condition: string;
  readonly description: string;
}

/** Status of an answer to a request, for a condition that a link would be refused with. */
const STATUS: Readonly<Record<string, number>> = {
  'amqp:unauthorized-access': 401,
  'amqp:not-found': 404,
  'com.microsoft:server-busy': 503,
};
export const statusOf = ({ condition }: Refusal): number => STATUS[condition] ?? 400;

export class Behaviours {
  readonly #told = new Map<Operation, Behaviour>();
  /** How often each was asked for. */
  readonly asked = new Map<Operation, number>();

  set(operation: Operation, behaviour: Behaviour): void {
    this.#told.set(operation, behaviour);
  }

  heal(): void {
    this.#told.clear();
  }

  /** Answers as it was told: with its refusal, later, never; or else, at once, by `answer` with undefined. */
  run(operation: Operation, answer: (refusal: Refusal | undefined) => void): void {
    this.asked.set(operation, (this.asked.get(operation) ?? 0) + 1);
    const told = this.#told.get(operation) ?? { kind: 'answer' };
    if (told.kind === 'hang') return;
    if (told.kind === 'delay') setTimeout(() => answer(undefined), told.ms);
    else
      answer(told.kind === 'refuse' ? { condition: told.condition, description: told.description ?? 'Refused by the test.' } : undefined);
  }
}

import type { FieldIssue } from '#lib/contracts';

/** invalid: a rule of the aggregate is broken, `issues` say which field. notFound: the aggregate does not exist, or not any more. */
export class DomainError extends Error {
  constructor(
    readonly code: 'invalid' | 'notFound',
    message: string,
    readonly issues: readonly FieldIssue[] = [],
  ) {
    super(message);
    this.name = 'DomainError';
  }
}

export const notFound = (what: string): DomainError => new DomainError('notFound', `${what} does not exist`);

export function refuseIf(issues: readonly FieldIssue[]): void {
  if (issues.length > 0) throw new DomainError('invalid', 'the command breaks a rule', issues);
}

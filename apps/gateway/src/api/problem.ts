import { ERROR_STATUS, type ApiError, type ErrorType } from '#lib/contracts';

/** A refusal that a caller sees as it stands. Its message names what to change and never carries a value that could be a secret. */
export class ApiProblem extends Error {
  readonly code = 'api';
  constructor(
    readonly error: ApiError,
    options?: { cause?: unknown },
  ) {
    super(error.message, options);
    this.name = 'ApiProblem';
  }

  get status(): number {
    return ERROR_STATUS[this.error.type];
  }
}

export const problem = (type: ErrorType, message: string, options?: { cause?: unknown }): ApiProblem =>
  new ApiProblem({ type, message }, options);

/** What a caller sees of a resource that isn't there, or that is another tenant's: the two look the same. */
export const notFound = (what: string): ApiProblem => problem('NotFound', `${what} was not found`);

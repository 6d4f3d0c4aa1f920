import { toText } from '../values.ts';
import type { InlineHelper } from './types.ts';

/** Templates and expressions that are values themselves; without a second argument they see what the helper sees. They nest four deep at the most. */
export const NESTED: Readonly<Record<string, InlineHelper>> = {
  template: (args, _hash, { budget, context, template }) => template(toText(args[0], budget), args.length > 1 ? args[1] : context),
  evalExpression: (args, _hash, { budget, context, expression }) =>
    expression(toText(args[0], budget), args.length > 1 ? args[1] : context),
};

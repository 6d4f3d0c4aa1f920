import { MAX_LINE } from './protocol.ts';

/** Longest JSON text taken out of the sandbox, characters: a payload may not be larger anyway. */
const MAX_TEXT = 6 * 1024 * 1024;

/**
 * Runs inside the sandbox before any user code and keeps the built-ins it needs, so that a script which replaces them fools itself only. Evaluates to
 * `(source, json, dates) => [json, dates] | [undefined, name, message]`; `write(level, text)` is the only thing of the host that it can reach.
 */
export const PRELUDE = `(write) => {
  const { parse, stringify } = JSON, Compiled = Function, Day = Date, Text = String, { keys } = Object;
  const { apply } = Reflect, cut = Text.prototype.slice;
  const show = (value) => {
    if (typeof value === 'string') return value;
    try { const text = stringify(value); return text === undefined ? Text(value) : text; } catch { return Text(value); }
  };
  const line = (level) => (...values) => {
    let text = '';
    for (let i = 0; i < values.length; i++) text += (i === 0 ? '' : ' ') + show(values[i]);
    write(level, apply(cut, text, [0, ${MAX_LINE}]));
  };
  globalThis.console = { log: line('verbose'), debug: line('verbose'), info: line('info'), warn: line('warn'), error: line('error') };
  const find = (value, path, found) => {
    if (value === null || typeof value !== 'object') return;
    if (value instanceof Day) { found[found.length] = path; return; }
    const names = keys(value);
    for (let i = 0; i < names.length; i++) find(value[names[i]], [...path, names[i]], found);
  };
  return (source, json, dates) => {
    try {
      const root = parse(json), paths = parse(dates);
      for (let i = 0; i < paths.length; i++) {
        let at = root;
        const path = paths[i], last = path.length - 1;
        for (let k = 0; k < last; k++) at = at[path[k]];
        at[path[last]] = new Day(at[path[last]]);
      }
      const payload = root.payload, returned = Compiled('payload', source)(payload);
      const result = { payload: returned === undefined ? payload : returned }, found = [];
      const text = stringify(result);
      if (text.length > ${MAX_TEXT}) return [undefined, 'PayloadTooLarge', 'the function left a payload that is too large'];
      find(result, [], found);
      return [text, stringify(found)];
    } catch (error) {
      if (error === null || typeof error !== 'object') return [undefined, 'Error', Text(error)];
      return [undefined, Text(error.name ?? 'Error'), Text(error.message ?? '')];
    }
  };
}`;

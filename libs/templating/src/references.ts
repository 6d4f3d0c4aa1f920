import type { Expression, PathExpression, Program } from './ast.ts';
import { parsedTemplate } from './render.ts';

/** What `this` is at a place of the template: a path of the context, or something already listed as read (an entry of a list that is, a value a helper made). */
type Origin = readonly string[] | undefined;

interface Place {
  readonly origin: Origin;
  readonly outer?: Place;
  readonly locals: readonly string[];
}

const shown = (segments: readonly string[]): string =>
  segments.map((segment) => (/^[\w$-]+$/.test(segment) && !/^\d+$/.test(segment) ? segment : `[${segment}]`)).join('.');

/** Collects the paths a program reads. */
class Reader {
  readonly #found = new Map<string, readonly string[]>();

  add(origin: Origin, segments: readonly string[] = []): void {
    if (origin === undefined) return;
    const path = [...origin, ...segments];
    this.#found.set(JSON.stringify(path), path);
  }

  /** The widest ones only, sorted. */
  paths(): readonly string[] {
    const covered = (path: readonly string[]): boolean => path.some((_, length) => this.#found.has(JSON.stringify(path.slice(0, length))));
    return [...this.#found.values()]
      .filter((path) => !covered(path))
      .map(shown)
      .sort();
  }

  program(program: Program, place: Place): void {
    for (const node of program.nodes) {
      if (node.kind === 'value') this.expression(node.value, place);
      else if (node.kind === 'block') {
        for (const param of node.params) this.expression(param, place);
        for (const [, value] of node.hash) this.expression(value, place);
        const locals = [...place.locals, ...node.body.locals];
        this.program(node.body, node.helper.entersArgument ? { origin: undefined, outer: place, locals } : { ...place, locals });
        this.program(node.otherwise, place);
      }
    }
  }

  expression(expression: Expression, place: Place): void {
    if (expression.kind === 'path') this.#path(expression, place);
    if (expression.kind !== 'call') return;
    if (expression.lone !== undefined) this.#path(expression.lone, place);
    for (const param of expression.params) this.expression(param, place);
    for (const [, value] of expression.hash) this.expression(value, place);
    const nested = expression.name === 'template' || expression.name === 'evalExpression';
    if (nested && expression.params.length < 2) this.add(place.origin);
  }

  #path({ data, up, from, scoped, segments }: PathExpression, place: Place): void {
    const [head = '', ...rest] = segments;
    if (from !== undefined) this.expression(from, place);
    else if (data) {
      if (head === 'root') this.add([], rest);
    } else if (up > 0 || scoped || !place.locals.includes(head)) {
      // A block whose argument is its own surroundings adds no step for ../, so each one outside may be meant.
      let at: Place | undefined = place;
      for (let i = 0; at !== undefined && i <= up; i++) {
        if (i === up || at.outer === undefined) this.add(at.origin, segments);
        at = at.outer;
      }
    }
  }
}

/**
 * The paths of the context that a template can read, as `globals.key`; what stands below a listed path isn't listed again. Where only the rendering knows which
 * (lookup, each, whole values) it is the widest path that is certain to hold it; [''] is the whole context. TemplateError `syntax` or `limit`.
 */
export function referencesOf(source: string): readonly string[] {
  const reader = new Reader();
  reader.program(parsedTemplate(source), { origin: [], locals: [] });
  return reader.paths();
}

/** An XCom for people: JSON laid out, and an SVG document shown as the image that it is. */
import type { XComRow } from '../../src/read-model/ui/task-instance';

export interface XComView {
  readonly key: string;
  readonly bytes: number;
  readonly at: Date;
  readonly text: string;
  readonly isCut: boolean;
  /** As an `<img>` an SVG runs no script and loads nothing. */
  readonly imageUri: string | null;
}

export function describeXCom(row: XComRow): XComView {
  const { key, bytes, at } = row;
  try {
    const value: unknown = JSON.parse(row.value);
    const svg = findSvg(value);
    return { key, bytes, at, text: JSON.stringify(value, null, 2), isCut: false, imageUri: svg === null ? null : toDataUri(svg) };
  } catch {
    // Longer than what is read for a page.
    return { key, bytes, at, text: row.value, isCut: true, imageUri: null };
  }
}

/** The value itself, or its field `svg`. */
function findSvg(value: unknown): string | null {
  const text = typeof value === 'object' && value !== null && 'svg' in value ? value.svg : value;
  return typeof text === 'string' && /^\s*(<\?xml[^>]*>\s*)?<svg[\s>]/i.test(text) && /<\/svg>\s*$/i.test(text) ? text : null;
}

const toDataUri = (svg: string): string => `data:image/svg+xml;base64,${Buffer.from(svg, 'utf8').toString('base64')}`;

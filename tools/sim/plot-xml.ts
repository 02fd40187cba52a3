// SPDX-License-Identifier: MIT
// Text of SVG elements. Whatever comes from a trace (names, console text) is escaped here.

/** Values of attributes. */
export type Attributes = Readonly<Record<string, string | number>>;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};
/** What XML 1.0 cannot hold, even escaped, and the C1 controls, which no viewer shows. */
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Escapes text for content and attributes. */
export function escapeXml(text: string): string {
  return text.replace(UNPRINTABLE, "\ufffd").replace(/[&<>"]/g, (char) => ENTITIES[char] as string);
}

/** A coordinate to a tenth of a pixel. */
export function px(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Writes an element; `content` is SVG already. */
export function element(name: string, attributes: Attributes, content = ""): string {
  let text = `<${name}`;
  for (const [key, value] of Object.entries(attributes))
    text += ` ${key}="${typeof value === "number" ? px(value) : escapeXml(value)}"`;
  return content === "" ? `${text}/>` : `${text}>${content}</${name}>`;
}

/** Writes a tooltip, the child of what it is about. */
export function tooltip(text: string): string {
  return `<title>${escapeXml(text.slice(0, 300))}</title>`;
}

/** Writes a rectangle as a part of a path. */
export function box(x: number, y: number, width: number, height: number): string {
  return `M${px(x)} ${px(y)}h${px(width)}v${px(height)}h${px(-width)}z`;
}

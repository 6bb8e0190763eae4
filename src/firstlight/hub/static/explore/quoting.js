// Texts as PromQL writes them.  Pure: no page, no network.

export function quoted(text, quote = '"') {
  if (quote === "`" && !text.includes("`")) return `\`${text}\``;
  const mark = quote === "`" ? '"' : quote;
  return mark + text.replace(/\\/g, "\\\\").replaceAll("\n", "\\n").replaceAll(mark, `\\${mark}`) + mark;
}

// Uses the package `@mondaydotcomorg/api` on the sandbox told in JSON, and tells in JSON what it saw.
import api from "@mondaydotcomorg/api";

const told = JSON.parse(process.argv[2]);
const { board, columns } = told;
const client = new api.ApiClient({ token: "token", endpoint: told.url });
const operations = client.operations;

async function allNames() {
  const first = await client.request(
    `query ($ids: [ID!]!) { boards(ids: $ids) { items_page(limit: 500) { cursor items { name } } } }`,
    { ids: [board] },
  );
  let page = first.boards[0].items_page;
  const names = page.items.map((item) => item.name);
  while (page.cursor !== null) {
    const next = await client.request(
      `query ($cursor: String!) { next_items_page(cursor: $cursor, limit: 500) { cursor items { name } } }`,
      { cursor: page.cursor },
    );
    page = next.next_items_page;
    names.push(...page.items.map((item) => item.name));
  }
  return names;
}

async function refusal(item) {
  try {
    await operations.changeColumnValueOp({
      boardId: board,
      itemId: item,
      columnId: columns.Status,
      value: JSON.stringify({ label: "None" }),
    });
    return "";
  } catch (error) {
    return error.response.errors[0].extensions.code;
  }
}

const names = await allNames();
const me = await operations.getMeOp();
const made = await operations.createItemOp({ boardId: board, groupId: told.group, itemName: "PO ü" });
const item = made.create_item.id;
await client.request(
  `mutation ($parent: ID!, $name: String!, $values: JSON) {
     create_subitem(parent_item_id: $parent, item_name: $name, column_values: $values) { id } }`,
  { parent: item, name: "Size M", values: JSON.stringify({ [told.subcolumns.Qty]: "7" }) },
);
await operations.changeSimpleColumnValueOp({
  boardId: board,
  itemId: item,
  columnId: columns.Key,
  value: 'a "key"',
});
await operations.changeMultipleColumnValuesOp({
  boardId: board,
  itemId: item,
  columnValues: JSON.stringify({ [columns.Price]: "2.50", [columns.Status]: { label: "Done" } }),
});
const groups = await operations.getBoardGroupsOp({ ids: [board] });
const board_items = await operations.getBoardItemsOp({ ids: [board] });
const read = await client.rawRequest(
  `query ($ids: [ID!]) { items(ids: $ids) { name group { title }
     column_values { id text } subitems { name column_values { text } } } }`,
  { ids: [item] },
);

console.log(
  JSON.stringify({
    names,
    item,
    me: me.me.name,
    groups: groups.boards[0].groups.map((group) => group.title),
    first_page: board_items.boards[0].items_page.items.length,
    read: read.data.items,
    refusal: await refusal(item),
  }),
);

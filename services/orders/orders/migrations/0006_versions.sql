-- Links move to the engine's table. Those known so far count as older than any of catalog's; the first comparison brings
-- their versions.

INSERT INTO item_link (merchant_id, item_id, sku, product_id, version, linked)
SELECT DISTINCT ON (merchant_id, item_id) merchant_id, item_id, sku, '', 0, true FROM link;

-- Links whose item was missing in Clover. Such a link is not used; a newer version of it is.
CREATE TABLE broken_link (
    merchant_id text NOT NULL,
    item_id     text COLLATE "C" NOT NULL,
    version     bigint NOT NULL,
    PRIMARY KEY (merchant_id, item_id)
);
INSERT INTO broken_link (merchant_id, item_id, version)
SELECT DISTINCT merchant_id, item_id, 0 FROM link WHERE broken;
DROP TABLE link;

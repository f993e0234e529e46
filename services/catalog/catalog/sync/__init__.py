"""The work catalog does in Clover: each kind with its function."""

from catalog.kinds import PUSH_PRODUCT
from catalog.sync.products import push_products, save_holds
from common.contracts.problems import Code
from common.work.batch import Kind

SYNC = [Kind(PUSH_PRODUCT, push_products, refused=Code.PRODUCT_REJECTED, on_outcomes=save_holds)]
